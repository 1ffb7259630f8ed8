"""Keeps the account's password policy, and checks passwords by it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html
"""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.store.interface import DeleteRecord, PutRecord

_KIND, _KEY = "iam/password-policy", "policy"
_SHORTEST = 6  # of a policy that does not say
_SHORTEST_BY_DEFAULT = 8  # of an account without a policy
_LONGEST = 128
_KINDS = {
    "RequireUppercaseCharacters": re.compile(r"[A-Z]"),
    "RequireLowercaseCharacters": re.compile(r"[a-z]"),
    "RequireNumbers": re.compile(r"[0-9]"),
    "RequireSymbols": re.compile(r"[!@#$%^&*()_+\-=\[\]{}|']"),
}
_OF_DEFAULT = 3  # kinds of characters


async def get_account_password_policy(ctx: Context) -> dict[str, Any]:
    record = await ctx.store.get(ctx.global_scope, _KIND, _KEY)
    if record is None:
        raise _no_policy(ctx)
    return {"PasswordPolicy": record.value}


async def update_account_password_policy(
    ctx: Context,
    *,
    minimum_password_length: int = _SHORTEST,
    require_symbols: bool = False,
    require_numbers: bool = False,
    require_uppercase_characters: bool = False,
    require_lowercase_characters: bool = False,
    allow_users_to_change_password: bool = False,
    max_password_age: int | None = None,
    password_reuse_prevention: int | None = None,
    hard_expiry: bool | None = None,
) -> None:
    """Replace the policy. What the call omits gets its default, as on AWS."""
    policy = {
        "MinimumPasswordLength": minimum_password_length,
        "RequireSymbols": require_symbols,
        "RequireNumbers": require_numbers,
        "RequireUppercaseCharacters": require_uppercase_characters,
        "RequireLowercaseCharacters": require_lowercase_characters,
        "AllowUsersToChangePassword": allow_users_to_change_password,
        "ExpirePasswords": max_password_age is not None,
        "MaxPasswordAge": max_password_age,
        "PasswordReusePrevention": password_reuse_prevention,
        "HardExpiry": hard_expiry,
    }
    value = {name: one for name, one in policy.items() if one is not None}
    await ctx.store.commit(PutRecord(ctx.global_scope, _KIND, _KEY, value))


async def delete_account_password_policy(ctx: Context) -> None:
    record = await ctx.store.get(ctx.global_scope, _KIND, _KEY)
    if record is None:
        raise _no_policy(ctx)
    await ctx.store.commit(DeleteRecord(ctx.global_scope, _KIND, _KEY, record.revision))


def _no_policy(ctx: Context) -> AwsError:
    text = f"The Password Policy with domain name {ctx.account} cannot be found."
    return AwsError("NoSuchEntity", text, 404)


async def password_age(ctx: Context) -> int | None:
    """Return after how many days a password has to be changed, None for never."""
    record = await ctx.store.get(ctx.global_scope, _KIND, _KEY)
    return None if record is None else record.value.get("MaxPasswordAge")


async def check_password(ctx: Context, password: str, user_name: str) -> None:
    """Raise AwsError PasswordPolicyViolation for a password that the account's policy, or AWS's default, refuses."""
    record = await ctx.store.get(ctx.global_scope, _KIND, _KEY)
    has = {name: bool(pattern.search(password)) for name, pattern in _KINDS.items()}
    if record is None:
        shortest, enough = _SHORTEST_BY_DEFAULT, sum(has.values()) >= _OF_DEFAULT
    else:
        policy = record.value
        shortest, enough = policy["MinimumPasswordLength"], all(has[name] for name in has if policy[name])
    if not shortest <= len(password) <= _LONGEST or not enough or password == user_name:
        text = "Password does not conform to the account password policy."
        raise AwsError("PasswordPolicyViolation", text)
