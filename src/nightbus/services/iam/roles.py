"""Creates, describes, changes and deletes roles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.ids import new_iam_id
from nightbus.identity.principals import ROLE
from nightbus.policies.grammar import check_trust_policy, percent_encoded, quota_size
from nightbus.services.context import Context
from nightbus.services.iam.errors import already_exists, delete_conflict, invalid_input, limit_exceeded
from nightbus.services.iam.last_used import forgotten, role_last_used
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policies import require_policy
from nightbus.services.iam.profiles_of_roles import is_in_a_profile
from nightbus.services.iam.protected_roles import refuse_protected
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import (
    all_roles,
    change_role,
    find_role,
    iam_arn,
    time_of,
)
from nightbus.services.iam.stored_principals import check_principals, mark_deletion, renamed_principal
from nightbus.services.iam.tags import Tag, checked_iam_tags
from nightbus.store.interface import Change, DeleteRecord, PutRecord

_LARGEST_TRUST = 2048
_MOST_ROLES = 1000
_SESSION_SECONDS = 3600
_SERVICE_PATH = "/aws-service-role/"


async def create_role(
    ctx: Context,
    *,
    role_name: str,
    assume_role_policy_document: str,
    path: str = "/",
    description: str | None = None,
    max_session_duration: int = _SESSION_SECONDS,
    permissions_boundary: str | None = None,
    tags: Sequence[Tag] = (),
) -> dict[str, Any]:
    if path.startswith(_SERVICE_PATH):
        text = (
            f"Cannot create a role with the path {path}: only AWS services do. Use CreateServiceLinkedRole."
        )
        raise invalid_input(text)
    _check_trust(assume_role_policy_document)
    principals = await check_principals(ctx, assume_role_policy_document)
    value = {
        "RoleName": role_name,
        "RoleId": new_iam_id("AROA"),
        "Arn": iam_arn(ctx, f"role{path}{role_name}"),
        "Path": path,
        "Created": ctx.now_ms(),
        "Trust": assume_role_policy_document,
        "Description": description,
        "MaxSessionDuration": max_session_duration,
        "PermissionsBoundary": permissions_boundary,
        "Tags": checked_iam_tags(tags),
        "Inline": {},
        "Attached": [],
    }
    await _create_record(ctx, value, principals)
    return {"Role": role_summary(value) | details(value)}


async def _create_record(ctx: Context, value: dict[str, Any], principals: Sequence[Change]) -> None:
    name, boundary = value["RoleName"], value["PermissionsBoundary"]
    requirement = await require_policy(ctx, boundary) if boundary is not None else ()
    if await ctx.store.get(ctx.global_scope, ROLE, name.lower()) is not None:
        raise already_exists(f"Role with name {name} already exists.")
    await check_quota(ctx, ROLE, "RolesPerAccount", _MOST_ROLES)
    made = PutRecord(ctx.global_scope, ROLE, name.lower(), value, expect=0)
    await ctx.store.commit(made, *principals, *requirement)


async def get_role(ctx: Context, *, role_name: str) -> dict[str, Any]:
    value = (await find_role(ctx, role_name)).value
    used = await role_last_used(ctx, value["RoleId"])
    return {"Role": {**role_summary(value), **details(value), "RoleLastUsed": used}}


async def list_roles(
    ctx: Context, *, path_prefix: str = "/", marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    roles = [role_summary(role) for role in await all_roles(ctx) if role["Path"].startswith(path_prefix)]
    return listing("Roles", roles, lambda role: str(role["RoleName"]).lower(), max_items, marker)


async def update_role(
    ctx: Context, *, role_name: str, description: str | None = None, max_session_duration: int | None = None
) -> dict[str, Any]:
    """Set the members that the call has; a description that it omits stays as it is."""
    if max_session_duration is not None:
        refuse_protected((await find_role(ctx, role_name)).value)
    changes = {"Description": description, "MaxSessionDuration": max_session_duration}
    await _set(ctx, role_name, {name: value for name, value in changes.items() if value is not None})
    return {}


async def update_role_description(ctx: Context, *, role_name: str, description: str) -> dict[str, Any]:
    value = await _set(ctx, role_name, {"Description": description})
    return {"Role": role_summary(value) | details(value)}


async def update_assume_role_policy(ctx: Context, *, role_name: str, policy_document: str) -> None:
    refuse_protected((await find_role(ctx, role_name)).value)
    _check_trust(policy_document)
    principals = await check_principals(ctx, policy_document)
    own = (ctx.global_scope, ROLE, role_name.lower())  # whose record is written anyway

    async def others() -> Sequence[Change]:
        return [one for one in principals if (one.scope, one.kind, one.key) != own]

    await change_role(ctx, role_name, lambda value: value.update(Trust=policy_document), others)


async def put_role_permissions_boundary(ctx: Context, *, role_name: str, permissions_boundary: str) -> None:
    def bound(value: dict[str, Any]) -> None:
        refuse_protected(value)
        value["PermissionsBoundary"] = permissions_boundary

    await change_role(ctx, role_name, bound, lambda: require_policy(ctx, permissions_boundary))


async def delete_role_permissions_boundary(ctx: Context, *, role_name: str) -> None:
    refuse_protected((await find_role(ctx, role_name)).value)
    await _set(ctx, role_name, {"PermissionsBoundary": None})


async def delete_role(ctx: Context, *, role_name: str) -> None:
    record = await find_role(ctx, role_name)
    refuse_protected(record.value)
    if await is_in_a_profile(ctx, role_name):
        raise delete_conflict("Cannot delete entity, must remove roles from instance profile first.")
    if record.value["Attached"]:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if record.value["Inline"]:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    marked = await mark_deletion(ctx, ROLE, record)
    deleted = DeleteRecord(ctx.global_scope, ROLE, record.key, marked.revision)
    id = record.value["RoleId"]
    replaced = await renamed_principal(ctx, record.value["Arn"], id, but=record)
    await ctx.store.commit(deleted, await forgotten(ctx, id), *replaced)


async def _set(ctx: Context, role_name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    return await change_role(ctx, role_name, lambda value: value.update(changes))


def _check_trust(document: str) -> None:
    check_trust_policy(document)
    if quota_size(document) > _LARGEST_TRUST:
        raise limit_exceeded(f"Cannot exceed quota for ACLSizePerRole: {_LARGEST_TRUST}")


def role_summary(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a role that ListRoles has too."""
    return {
        "Path": value["Path"],
        "RoleName": value["RoleName"],
        "RoleId": value["RoleId"],
        "Arn": value["Arn"],
        "CreateDate": time_of(value["Created"]),
        "AssumeRolePolicyDocument": percent_encoded(value["Trust"]),
        "Description": value["Description"],
        "MaxSessionDuration": value["MaxSessionDuration"],
    }


def details(value: Mapping[str, Any]) -> dict[str, Any]:
    boundary = value["PermissionsBoundary"]
    boundary_reply = (
        {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary} if boundary else None
    )
    return {"PermissionsBoundary": boundary_reply, "Tags": value["Tags"] or None}
