"""Puts, gets, lists and deletes the inline policies of roles."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.iam.documents import check_identity_policy, percent_encoded, quota_size
from nightbus.services.iam.errors import limit_exceeded
from nightbus.services.iam.listing import DEFAULT_PAGE, itself, listing
from nightbus.services.iam.records import change_role, find_role

_LARGEST_TOGETHER = 10_240


async def put_role_policy(ctx: Context, *, role_name: str, policy_name: str, policy_document: str) -> None:
    await find_role(ctx, role_name)
    check_identity_policy(policy_document)

    def put(value: dict[str, Any]) -> None:
        value["Inline"][policy_name] = policy_document
        if sum(quota_size(document) for document in value["Inline"].values()) > _LARGEST_TOGETHER:
            text = f"Maximum policy size of {_LARGEST_TOGETHER} bytes exceeded for role {role_name}"
            raise limit_exceeded(text)

    await change_role(ctx, role_name, put)


async def get_role_policy(ctx: Context, *, role_name: str, policy_name: str) -> dict[str, Any]:
    inline = (await find_role(ctx, role_name)).value["Inline"]
    if policy_name not in inline:
        raise _no_such_policy(policy_name)
    document = percent_encoded(inline[policy_name])
    return {"RoleName": role_name, "PolicyName": policy_name, "PolicyDocument": document}


async def list_role_policies(
    ctx: Context, *, role_name: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    inline = (await find_role(ctx, role_name)).value["Inline"]
    return listing("PolicyNames", list(inline), itself, max_items, marker)


async def delete_role_policy(ctx: Context, *, role_name: str, policy_name: str) -> None:
    def delete(value: dict[str, Any]) -> None:
        if value["Inline"].pop(policy_name, None) is None:
            raise _no_such_policy(policy_name)

    await change_role(ctx, role_name, delete)


def _no_such_policy(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role policy with name {name} cannot be found.", 404)
