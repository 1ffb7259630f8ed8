"""Puts, gets, lists and deletes the inline policies of roles, users and groups."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.policies.grammar import check_identity_policy, percent_encoded, quota_size
from nightbus.services.context import Context
from nightbus.services.iam.errors import limit_exceeded
from nightbus.services.iam.listing import DEFAULT_PAGE, itself, listing
from nightbus.services.iam.protected_roles import refuse_protected
from nightbus.services.iam.records import GROUPS, ROLES, USERS, EntityKind, change_entity, find_entity


async def put_role_policy(ctx: Context, *, role_name: str, policy_name: str, policy_document: str) -> None:
    await _put(ctx, ROLES, role_name, policy_name, policy_document)


async def put_user_policy(ctx: Context, *, user_name: str, policy_name: str, policy_document: str) -> None:
    await _put(ctx, USERS, user_name, policy_name, policy_document)


async def put_group_policy(ctx: Context, *, group_name: str, policy_name: str, policy_document: str) -> None:
    await _put(ctx, GROUPS, group_name, policy_name, policy_document)


async def _put(ctx: Context, kind: EntityKind, name: str, policy_name: str, policy_document: str) -> None:
    await find_entity(ctx, kind, name)
    check_identity_policy(policy_document)

    def put(value: dict[str, Any]) -> None:
        refuse_protected(value)
        value["Inline"][policy_name] = policy_document
        if sum(quota_size(document) for document in value["Inline"].values()) > kind.inline_bytes:
            text = f"Maximum policy size of {kind.inline_bytes} bytes exceeded for {kind.noun} {name}"
            raise limit_exceeded(text)

    await change_entity(ctx, kind, name, put)


async def get_role_policy(ctx: Context, *, role_name: str, policy_name: str) -> dict[str, Any]:
    return await _get(ctx, ROLES, role_name, policy_name)


async def get_user_policy(ctx: Context, *, user_name: str, policy_name: str) -> dict[str, Any]:
    return await _get(ctx, USERS, user_name, policy_name)


async def get_group_policy(ctx: Context, *, group_name: str, policy_name: str) -> dict[str, Any]:
    return await _get(ctx, GROUPS, group_name, policy_name)


async def _get(ctx: Context, kind: EntityKind, name: str, policy_name: str) -> dict[str, Any]:
    inline = (await find_entity(ctx, kind, name)).value["Inline"]
    if policy_name not in inline:
        raise _no_such_policy(kind, policy_name)
    document = percent_encoded(inline[policy_name])
    return {kind.member: name, "PolicyName": policy_name, "PolicyDocument": document}


async def list_role_policies(
    ctx: Context, *, role_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return await _list(ctx, ROLES, role_name, marker, max_items)


async def list_user_policies(
    ctx: Context, *, user_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return await _list(ctx, USERS, user_name, marker, max_items)


async def list_group_policies(
    ctx: Context, *, group_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return await _list(ctx, GROUPS, group_name, marker, max_items)


async def _list(
    ctx: Context, kind: EntityKind, name: str, marker: str | None, max_items: int
) -> dict[str, Any]:
    inline = (await find_entity(ctx, kind, name)).value["Inline"]
    return listing("PolicyNames", list(inline), itself, max_items, marker)


async def delete_role_policy(ctx: Context, *, role_name: str, policy_name: str) -> None:
    await _delete(ctx, ROLES, role_name, policy_name)


async def delete_user_policy(ctx: Context, *, user_name: str, policy_name: str) -> None:
    await _delete(ctx, USERS, user_name, policy_name)


async def delete_group_policy(ctx: Context, *, group_name: str, policy_name: str) -> None:
    await _delete(ctx, GROUPS, group_name, policy_name)


async def _delete(ctx: Context, kind: EntityKind, name: str, policy_name: str) -> None:
    def delete(value: dict[str, Any]) -> None:
        refuse_protected(value)
        if value["Inline"].pop(policy_name, None) is None:
            raise _no_such_policy(kind, policy_name)

    await change_entity(ctx, kind, name, delete)


def _no_such_policy(kind: EntityKind, name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The {kind.noun} policy with name {name} cannot be found.", 404)
