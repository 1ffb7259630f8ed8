"""Answers the operations on users, groups and account settings: the account has its root user and nothing else."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.errors import no_such_user
from nightbus.services.iam.listing import DEFAULT_PAGE


async def get_user(ctx: Context, *, user_name: str | None = None) -> dict[str, Any]:
    """Return the root user if the call names no user. Users cannot be created yet."""
    if user_name is not None:
        raise no_such_user(user_name)
    if not ctx.caller.arn.endswith(":root"):
        raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
    return {"User": {"UserId": ctx.caller.user_id, "Arn": ctx.caller.arn}}


async def list_users(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return {"Users": [], "IsTruncated": False}


async def list_account_aliases(
    ctx: Context, *, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return {"AccountAliases": [], "IsTruncated": False}
