"""Attaches managed policies to roles, users and groups, detaches them, and lists both directions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.policies.aws_managed import aws_policy_arns, is_aws_managed
from nightbus.services.context import Context
from nightbus.services.iam.errors import limit_exceeded, no_such_policy, not_attachable
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policies import require_policy
from nightbus.services.iam.protected_roles import refuse_protected
from nightbus.services.iam.records import (
    GROUPS,
    ROLES,
    USERS,
    EntityKind,
    change_entity,
    entities,
    find_entity,
    find_policy,
    unchanged_or,
)
from nightbus.store.interface import Record

_MOST = 10


async def attach_role_policy(ctx: Context, *, role_name: str, policy_arn: str) -> None:
    await _attach(ctx, ROLES, role_name, policy_arn)


async def attach_user_policy(ctx: Context, *, user_name: str, policy_arn: str) -> None:
    await _attach(ctx, USERS, user_name, policy_arn)


async def attach_group_policy(ctx: Context, *, group_name: str, policy_arn: str) -> None:
    await _attach(ctx, GROUPS, group_name, policy_arn)


async def _attach(ctx: Context, kind: EntityKind, name: str, policy_arn: str) -> None:
    entity = await find_entity(ctx, kind, name)
    refuse_protected(entity.value)
    requirement = await require_policy(ctx, policy_arn)
    attached: list[str] = entity.value["Attached"]
    if policy_arn in attached:
        return
    if len(attached) >= _MOST:
        raise limit_exceeded(f"Cannot exceed quota for PoliciesPer{kind.quota}: {_MOST}")
    attached.append(policy_arn)
    await ctx.store.commit(unchanged_or(ctx, kind, entity), *requirement)


async def detach_role_policy(ctx: Context, *, role_name: str, policy_arn: str) -> None:
    await _detach(ctx, ROLES, role_name, policy_arn)


async def detach_user_policy(ctx: Context, *, user_name: str, policy_arn: str) -> None:
    await _detach(ctx, USERS, user_name, policy_arn)


async def detach_group_policy(ctx: Context, *, group_name: str, policy_arn: str) -> None:
    await _detach(ctx, GROUPS, group_name, policy_arn)


async def _detach(ctx: Context, kind: EntityKind, name: str, policy_arn: str) -> None:
    def detach(value: dict[str, Any]) -> None:
        refuse_protected(value)
        if policy_arn not in value["Attached"]:
            raise no_such_policy(policy_arn)
        value["Attached"].remove(policy_arn)

    await change_entity(ctx, kind, name, detach)


async def list_attached_role_policies(
    ctx: Context,
    *,
    role_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    return _attached(await find_entity(ctx, ROLES, role_name), path_prefix, marker, max_items)


async def list_attached_user_policies(
    ctx: Context,
    *,
    user_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    return _attached(await find_entity(ctx, USERS, user_name), path_prefix, marker, max_items)


async def list_attached_group_policies(
    ctx: Context,
    *,
    group_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    return _attached(await find_entity(ctx, GROUPS, group_name), path_prefix, marker, max_items)


def _attached(entity: Record, path_prefix: str, marker: str | None, max_items: int) -> dict[str, Any]:
    policies = [
        {"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn}
        for arn in entity.value["Attached"]
        if arn.split(":policy", 1)[1].startswith(path_prefix)
    ]
    return listing("AttachedPolicies", policies, lambda one: one["PolicyArn"], max_items, marker)


async def list_entities_for_policy(
    ctx: Context,
    *,
    policy_arn: str,
    entity_filter: str | None = None,
    policy_usage_filter: str | None = None,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    """List the roles, users and groups that a policy is attached to."""
    if entity_filter in ("LocalManagedPolicy", "AWSManagedPolicy"):
        raise not_supported("iam", "ListEntitiesForPolicy", f"EntityFilter {entity_filter}")
    if not is_aws_managed(policy_arn):
        await find_policy(ctx, policy_arn)
    elif policy_arn not in aws_policy_arns(ctx.region):
        raise not_attachable(policy_arn)
    holders = [
        (kind, entity)
        for kind in (GROUPS, ROLES, USERS)
        if entity_filter in (None, kind.quota)
        for entity in await entities(ctx, kind)
        if policy_arn in _used(entity, policy_usage_filter) and entity["Path"].startswith(path_prefix)
    ]
    page = listing("Holders", holders, _order, max_items, marker)
    chosen = page.pop("Holders")
    for kind in (GROUPS, ROLES, USERS):
        members = (kind.member, f"{kind.quota}Id")
        page[f"Policy{kind.quota}s"] = [
            {member: entity[member] for member in members} for one, entity in chosen if one is kind
        ]
    return page


def _order(holder: tuple[EntityKind, dict[str, Any]]) -> str:
    kind, entity = holder
    return f"{kind.noun} {entity[kind.member].lower()}"


def _used(entity: dict[str, Any], usage: str | None) -> Iterable[str | None]:
    permissions = entity["Attached"] if usage != "PermissionsBoundary" else []
    boundary = [entity.get("PermissionsBoundary")] if usage != "PermissionsPolicy" else []
    return [*permissions, *boundary]
