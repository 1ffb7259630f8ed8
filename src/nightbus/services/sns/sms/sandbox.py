"""Keeps the destination numbers of the SMS sandbox, each verified by a code that goes to the outbox.

An account is not in the sandbox: its messages reach nobody, so none is held back from an unverified number.

https://docs.aws.amazon.com/sns/latest/dg/sns-sms-sandbox.html
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter, invalid_next_token
from nightbus.services.sns.sms.numbers import is_number, is_opted_out, written_number
from nightbus.services.sns.sms.sending import text_message
from nightbus.store.interface import DeleteRecord, PutRecord, Record

SANDBOX = "sns/sms-sandbox"
_PAGE = 100
_VALID_MS = 15 * 60 * 1000
_MOST = 10  # numbers of an account


async def get_sms_sandbox_account_status(ctx: Context) -> dict[str, Any]:
    return {"IsInSandbox": False}


async def create_sms_sandbox_phone_number(
    ctx: Context, *, phone_number: str, language_code: str = "en-US"
) -> dict[str, Any]:
    """Add the number and send it a code. Asked again for one that is pending, send another code."""
    if not is_number(phone_number):
        raise bad_parameter("PhoneNumber Reason: input incorrectly formatted")
    number, now = written_number(phone_number), ctx.now_ms()
    if await is_opted_out(ctx.store, ctx.scope, number):
        raise AwsError("OptedOut", f"The phone number {number} is opted out")
    existing = await ctx.store.get(ctx.scope, SANDBOX, number)
    if existing is not None and existing.value["status"] == "Verified":
        return {}
    if existing is None and ctx.platform.quotas and len(await ctx.store.list(ctx.scope, SANDBOX)) >= _MOST:
        raise AwsError("UserError", f"The SMS sandbox has at most {_MOST} phone numbers")
    code = f"{secrets.randbelow(1_000_000):06d}"
    value = {"status": "Pending", "code": code, "asked": now, "language": language_code}
    text = f"Your verification code is {code}"
    message = await text_message(ctx.store, ctx.scope, number, text, {}, limited=False, now=now)
    await ctx.store.commit(
        PutRecord(ctx.scope, SANDBOX, number, value, expect=existing.revision if existing else 0),
        *await message.changes(ctx.store, ctx.scope, new_uuid(), now),
    )
    return {}


async def verify_sms_sandbox_phone_number(
    ctx: Context, *, phone_number: str, one_time_password: str
) -> dict[str, Any]:
    record = await _record(ctx, phone_number)
    value = record.value
    if value["status"] == "Verified":
        return {}
    late = value["asked"] + _VALID_MS < ctx.now_ms()
    if late or not hmac.compare_digest(value["code"].encode(), one_time_password.encode()):
        raise AwsError("VerificationException", "The one-time password is invalid or has expired")
    verified = {**value, "status": "Verified", "code": ""}
    await ctx.store.commit(PutRecord(ctx.scope, SANDBOX, record.key, verified, expect=record.revision))
    return {}


async def delete_sms_sandbox_phone_number(ctx: Context, *, phone_number: str) -> dict[str, Any]:
    record = await _record(ctx, phone_number)
    await ctx.store.commit(DeleteRecord(ctx.scope, SANDBOX, record.key, record.revision))
    return {}


async def list_sms_sandbox_phone_numbers(
    ctx: Context, *, next_token: str | None = None, max_results: int = _PAGE
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, SANDBOX)
    chosen, token = page(records, lambda one: one.key, max_results, next_token, invalid_next_token())
    return {
        "PhoneNumbers": [{"PhoneNumber": one.key, "Status": one.value["status"]} for one in chosen],
        "NextToken": token,
    }


async def _record(ctx: Context, number: str) -> Record:
    record = await ctx.store.get(ctx.scope, SANDBOX, written_number(number))
    if record is None:
        raise AwsError("ResourceNotFound", "The phone number is not in the SMS sandbox", 404)
    return record
