"""Keeps the account's alias, which is unique among the accounts of the node. There is no page to sign in to with it."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists
from nightbus.services.iam.listing import DEFAULT_PAGE, itself, listing
from nightbus.store.interface import SYSTEM, DeleteRecord, PutRecord

_ALIAS = "iam/account-alias"  # by the alias, of all accounts


async def create_account_alias(ctx: Context, *, account_alias: str) -> None:
    """Set the alias; an account has one, so a new one replaces it."""
    if await ctx.store.get(SYSTEM, _ALIAS, account_alias) is not None:
        raise already_exists(f"The account alias {account_alias} already exists.")
    old = [DeleteRecord(SYSTEM, _ALIAS, alias) for alias in await _aliases(ctx)]
    put = PutRecord(SYSTEM, _ALIAS, account_alias, {"Account": ctx.account}, expect=0)
    await ctx.store.commit(put, *old)


async def delete_account_alias(ctx: Context, *, account_alias: str) -> None:
    record = await ctx.store.get(SYSTEM, _ALIAS, account_alias)
    if record is None or record.value["Account"] != ctx.account:
        raise AwsError("NoSuchEntity", f"The account alias {account_alias} cannot be found.", 404)
    await ctx.store.commit(DeleteRecord(SYSTEM, _ALIAS, account_alias, record.revision))


async def list_account_aliases(
    ctx: Context, *, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return listing("AccountAliases", await _aliases(ctx), itself, max_items, marker)


async def _aliases(ctx: Context) -> list[str]:
    records = await ctx.store.list(SYSTEM, _ALIAS)
    return [record.key for record in records if record.value["Account"] == ctx.account]
