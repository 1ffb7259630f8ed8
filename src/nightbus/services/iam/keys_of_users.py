"""Finds the access keys of a user."""

from __future__ import annotations

from nightbus.identity.access_keys import ACCESS_KEY
from nightbus.services.context import Context
from nightbus.store.interface import Record


async def keys_of(ctx: Context, user_name: str) -> list[Record]:
    records = await ctx.store.list(ctx.global_scope, ACCESS_KEY)
    return [record for record in records if record.value["UserName"] == user_name]
