"""Finds the instance profiles of an account, and whether one has a role."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context

INSTANCE_PROFILE = "iam/instance-profile"


async def profiles(ctx: Context) -> list[dict[str, Any]]:
    return [record.value for record in await ctx.store.list(ctx.global_scope, INSTANCE_PROFILE)]


async def is_in_a_profile(ctx: Context, role_name: str) -> bool:
    return any(role_name in profile["Roles"] for profile in await profiles(ctx))
