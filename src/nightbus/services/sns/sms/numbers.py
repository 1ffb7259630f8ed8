"""Checks phone numbers, and keeps which of them opted out of text messages.

https://docs.aws.amazon.com/sns/latest/dg/sms_manage.html
"""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter, invalid_next_token
from nightbus.store.interface import DeleteRecord, PutRecord, Store

OPTED_OUT = "sns/opted-out"
_NUMBER = re.compile(r"\+?[1-9]\d{6,14}")
_PAGE = 100


def is_number(text: str) -> bool:
    """Return whether the text is a phone number in the format E.164."""
    return _NUMBER.fullmatch(text) is not None


def written_number(text: str) -> str:
    """Return the number with its plus sign, under which it is kept."""
    return f"+{text.removeprefix('+')}"


def _checked(number: str) -> str:
    if not is_number(number):
        raise bad_parameter("PhoneNumber Reason: input incorrectly formatted")
    return written_number(number)


async def is_opted_out(store: Store, scope: Scope, number: str) -> bool:
    return await store.get(scope, OPTED_OUT, number) is not None


async def opt_out(store: Store, scope: Scope, number: str, now: int) -> None:
    """Note that the number's owner has answered STOP. `now` is UTC ms. Raises AwsError for what is not a number."""
    await store.commit(PutRecord(scope, OPTED_OUT, _checked(number), {"time": now}))


async def check_if_phone_number_is_opted_out(ctx: Context, *, phone_number: str) -> dict[str, Any]:
    return {"isOptedOut": await is_opted_out(ctx.store, ctx.scope, _checked(phone_number))}


async def list_phone_numbers_opted_out(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, OPTED_OUT)
    numbers, token = page([one.key for one in records], str, _PAGE, next_token, invalid_next_token())
    return {"phoneNumbers": numbers, "nextToken": token}


async def opt_in_phone_number(ctx: Context, *, phone_number: str) -> dict[str, Any]:
    await ctx.store.commit(DeleteRecord(ctx.scope, OPTED_OUT, _checked(phone_number)))
    return {}


async def list_origination_numbers(
    ctx: Context, *, next_token: str | None = None, max_results: int | None = None
) -> dict[str, Any]:
    """No operation of SNS makes an origination number: it is bought by another service."""
    if next_token:
        raise AwsError("InvalidParameter", invalid_next_token().message)
    return {"PhoneNumbers": []}
