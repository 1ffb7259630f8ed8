"""Attaches managed policies to roles, detaches them, and lists both directions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.services.context import Context
from nightbus.services.iam.errors import limit_exceeded, no_such_policy, not_attachable
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.managed import aws_policy_arns, is_aws_managed
from nightbus.services.iam.policies import require_policy
from nightbus.services.iam.records import (
    ROLE,
    all_roles,
    change_role,
    find_policy,
    find_role,
)
from nightbus.store.interface import PutRecord

_MOST = 10


async def attach_role_policy(ctx: Context, *, role_name: str, policy_arn: str) -> None:
    role = await find_role(ctx, role_name)
    requirement = await require_policy(ctx, policy_arn)
    attached: list[str] = role.value["Attached"]
    if policy_arn in attached:
        return
    if len(attached) >= _MOST:
        raise limit_exceeded(f"Cannot exceed quota for PoliciesPerRole: {_MOST}")
    attached.append(policy_arn)
    await ctx.store.commit(
        PutRecord(ctx.global_scope, ROLE, role.key, role.value, role.revision), *requirement
    )


async def detach_role_policy(ctx: Context, *, role_name: str, policy_arn: str) -> None:
    def detach(value: dict[str, Any]) -> None:
        if policy_arn not in value["Attached"]:
            raise no_such_policy(policy_arn)
        value["Attached"].remove(policy_arn)

    await change_role(ctx, role_name, detach)


async def list_attached_role_policies(
    ctx: Context,
    *,
    role_name: str,
    path_prefix: str = "/",
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    attached = (await find_role(ctx, role_name)).value["Attached"]
    policies = [
        {"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn}
        for arn in attached
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
    """List the roles that a policy is attached to. There are no users and groups yet."""
    if entity_filter in ("LocalManagedPolicy", "AWSManagedPolicy"):
        raise not_supported("iam", "ListEntitiesForPolicy", f"EntityFilter {entity_filter}")
    if not is_aws_managed(policy_arn):
        await find_policy(ctx, policy_arn)
    elif policy_arn not in aws_policy_arns(ctx.region):
        raise not_attachable(policy_arn)
    roles = [
        {"RoleName": role["RoleName"], "RoleId": role["RoleId"]}
        for role in await all_roles(ctx)
        if policy_arn in _used(role, policy_usage_filter) and role["Path"].startswith(path_prefix)
    ]
    listed_roles = roles if entity_filter in (None, "Role") else []
    page = listing("PolicyRoles", listed_roles, lambda one: str(one["RoleName"]).lower(), max_items, marker)
    return {**page, "PolicyGroups": [], "PolicyUsers": []}


def _used(role: dict[str, Any], usage: str | None) -> Iterable[str | None]:
    permissions = role["Attached"] if usage != "PermissionsBoundary" else []
    boundary = [role["PermissionsBoundary"]] if usage != "PermissionsPolicy" else []
    return [*permissions, *boundary]
