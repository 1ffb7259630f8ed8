"""Keeps the login profiles of users. There is no console to sign in to, so a password is checked and not kept.

Tools make login profiles with users: a profile says that the user has a password, and whether it has to be reset.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists
from nightbus.services.iam.password_policy import check_password
from nightbus.services.iam.records import USERS, find_entity, time_of, unchanged_or
from nightbus.services.iam.users import named_or_calling
from nightbus.store.interface import Record

_MEMBER = "LoginProfile"


async def create_login_profile(
    ctx: Context,
    *,
    user_name: str | None = None,
    password: str | None = None,
    password_reset_required: bool = False,
) -> dict[str, Any]:
    user = await find_entity(ctx, USERS, named_or_calling(ctx, user_name))
    name = user.value["UserName"]
    if user.value.get(_MEMBER):
        raise already_exists(f"Login Profile for user {name} already exists.")
    await check_password(ctx, password or "", name)
    now = ctx.now_ms()
    profile = {"Created": now, "Changed": now, "Reset": password_reset_required}
    await _set(ctx, user, profile)
    return {"LoginProfile": _described(name, profile)}


async def get_login_profile(ctx: Context, *, user_name: str | None = None) -> dict[str, Any]:
    user, profile = await _find(ctx, user_name)
    return {"LoginProfile": _described(user.value["UserName"], profile)}


async def update_login_profile(
    ctx: Context,
    *,
    user_name: str,
    password: str | None = None,
    password_reset_required: bool | None = None,
) -> None:
    user, profile = await _find(ctx, user_name)
    if password is not None:
        await check_password(ctx, password, user_name)
        profile = {**profile, "Changed": ctx.now_ms()}
    if password_reset_required is not None:
        profile = {**profile, "Reset": password_reset_required}
    await _set(ctx, user, profile)


async def delete_login_profile(ctx: Context, *, user_name: str | None = None) -> None:
    user, _ = await _find(ctx, user_name)
    await _set(ctx, user, None)


async def _find(ctx: Context, user_name: str | None) -> tuple[Record, dict[str, Any]]:
    user = await find_entity(ctx, USERS, named_or_calling(ctx, user_name))
    profile = user.value.get(_MEMBER)
    if not profile:
        name = user.value["UserName"]
        raise AwsError("NoSuchEntity", f"Login Profile for User {name} cannot be found.", 404)
    return user, dict(profile)


async def _set(ctx: Context, user: Record, profile: Mapping[str, Any] | None) -> None:
    user.value[_MEMBER] = profile
    await ctx.store.commit(unchanged_or(ctx, USERS, user))


def _described(name: str, profile: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "UserName": name,
        "CreateDate": time_of(profile["Created"]),
        "PasswordResetRequired": profile["Reset"],
    }
