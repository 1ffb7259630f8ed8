"""Defines the records of roles and managed policies, and finds and changes them.

A role's record has its inline policies and the ARNs of its attached policies; a policy's record has all its versions.
So each change writes one record, with the revision that it expects. Names are unique without regard to case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, no_such_policy, no_such_role
from nightbus.store.interface import Change, PutRecord, Record

ROLE = "iam/role"
POLICY = "iam/policy"

ChangesAlong = Callable[[], Awaitable[Sequence[Change]]]


def iam_arn(ctx: Context, resource: str) -> str:
    return f"arn:{partition_of(ctx.region)}:iam::{ctx.account}:{resource}"


def time_of(ms: int) -> datetime:
    """Return the time in whole seconds, as IAM's replies have it."""
    return datetime.fromtimestamp(ms // 1000, UTC)


async def find_role(ctx: Context, name: str) -> Record:
    """Return the role's record. Raises AwsError NoSuchEntity."""
    record = await ctx.store.get(ctx.global_scope, ROLE, name.lower())
    if record is None or record.value["RoleName"] != name:
        raise no_such_role(name)
    return record


async def all_roles(ctx: Context) -> list[dict[str, Any]]:
    return [record.value for record in await ctx.store.list(ctx.global_scope, ROLE)]


async def nothing_along() -> Sequence[Change]:
    return ()


async def change_role(
    ctx: Context,
    name: str,
    change: Callable[[dict[str, Any]], None],
    along: ChangesAlong = nothing_along,
) -> dict[str, Any]:
    """Change a role's record and return its new value.

    `change` alters the value in place, or raises AwsError; `along` returns further changes for the same commit.
    """
    record = await find_role(ctx, name)
    change(record.value)
    put = PutRecord(ctx.global_scope, ROLE, record.key, record.value, record.revision)
    await ctx.store.commit(put, *await along())
    return record.value


async def find_policy(ctx: Context, arn: str) -> Record:
    """Return the record of a policy of this account. Raises AwsError NoSuchEntity or InvalidInput."""
    record = await ctx.store.get(ctx.global_scope, POLICY, _policy_name(arn).lower())
    if record is None or record.value["Arn"] != arn:
        raise no_such_policy(arn)
    return record


async def change_policy(ctx: Context, arn: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    record = await find_policy(ctx, arn)
    change(record.value)
    await ctx.store.commit(PutRecord(ctx.global_scope, POLICY, record.key, record.value, record.revision))
    return record.value


def _policy_name(arn: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "iam" or not parts[5].startswith("policy/"):
        raise invalid_input(f"ARN {arn} is not valid.")
    return parts[5].rsplit("/", 1)[-1]
