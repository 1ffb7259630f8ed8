"""Checks the quotas on the number of users, groups and instance profiles, which AWS raises for who asks."""

from __future__ import annotations

from nightbus.services.context import Context
from nightbus.services.iam.errors import limit_exceeded


async def check_quota(ctx: Context, kind: str, name: str, most: int) -> None:
    """Raise AwsError LimitExceeded if the account has `most` records of the kind."""
    if ctx.platform.quotas and await ctx.store.count_records(ctx.global_scope, kind) >= most:
        raise limit_exceeded(f"Cannot exceed quota for {name}: {most}")
