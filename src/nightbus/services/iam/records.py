"""Defines the records of roles, users, groups and managed policies, and finds and changes them.

The record of a role, a user or a group has its inline policies and the ARNs of its attached policies; a policy's record
has all its versions. So each change writes one record, with the revision that it expects. Names are unique without
regard to case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.identity.principals import GROUP, POLICY, ROLE, USER
from nightbus.services.context import Context
from nightbus.services.iam.errors import invalid_input, no_such_entity, no_such_policy
from nightbus.store.interface import Change, PutRecord, Record


@dataclass(frozen=True, slots=True)
class EntityKind:
    """What distinguishes roles, users and groups. `inline_bytes` is the quota of all inline policies together."""

    record: str
    noun: str
    member: str  # the name's, in requests and in the record
    inline_bytes: int

    @property
    def quota(self) -> str:
        """The end of the quotas' names, such as `PoliciesPerRole`."""
        return self.noun.capitalize()


ROLES = EntityKind(ROLE, "role", "RoleName", 10_240)
USERS = EntityKind(USER, "user", "UserName", 2_048)
GROUPS = EntityKind(GROUP, "group", "GroupName", 5_120)

ChangesAlong = Callable[[], Awaitable[Sequence[Change]]]


def iam_arn(ctx: Context, resource: str) -> str:
    return f"arn:{partition_of(ctx.region)}:iam::{ctx.account}:{resource}"


def time_of(ms: int) -> datetime:
    """Return the time in whole seconds, as IAM's replies have it."""
    return datetime.fromtimestamp(ms // 1000, UTC)


async def find_role(ctx: Context, name: str) -> Record:
    """Return the role's record. Raises AwsError NoSuchEntity."""
    return await find_entity(ctx, ROLES, name)


async def find_entity(ctx: Context, kind: EntityKind, name: str) -> Record:
    """Return the record of a role, a user or a group. Raises AwsError NoSuchEntity."""
    record = await ctx.store.get(ctx.global_scope, kind.record, name.lower())
    if record is None or record.value[kind.member] != name:
        raise no_such_entity(kind.noun, name)
    return record


async def change_entity(
    ctx: Context, kind: EntityKind, name: str, change: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Change the record of a role, a user or a group and return its new value."""
    record = await find_entity(ctx, kind, name)
    change(record.value)
    await ctx.store.commit(unchanged_or(ctx, kind, record))
    return record.value


def unchanged_or(ctx: Context, kind: EntityKind, record: Record) -> PutRecord:
    """Return the change that writes the record as it was read, or as its value was altered since.

    With a record that was not altered, a concurrent deletion that has not seen the rest of the commit is a Conflict.
    """
    return PutRecord(ctx.global_scope, kind.record, record.key, record.value, record.revision)


async def entities(ctx: Context, kind: EntityKind) -> list[dict[str, Any]]:
    return [record.value for record in await ctx.store.list(ctx.global_scope, kind.record)]


async def all_roles(ctx: Context) -> list[dict[str, Any]]:
    return await entities(ctx, ROLES)


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
