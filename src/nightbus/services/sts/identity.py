"""Answers GetCallerIdentity, which returns the account and the ARN of the caller."""

from __future__ import annotations

from typing import Any

from nightbus.identity.credentials import account_named_by
from nightbus.services.context import Context


async def get_caller_identity(ctx: Context) -> dict[str, Any]:
    caller = ctx.caller
    return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}


async def get_access_key_info(ctx: Context, *, access_key_id: str) -> dict[str, Any]:
    return {"Account": account_named_by(access_key_id)}
