"""Puts, shows and lists the policy of a key, of which each has one, named `default`."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import decode_token
from nightbus.keys.errors import not_found
from nightbus.services.context import Context
from nightbus.services.kms.errors import INVALID_PRINCIPALS, bad_marker, malformed_policy
from nightbus.services.kms.finding import key_record, refuse_pending_deletion
from nightbus.services.kms.policy_documents import check_policy
from nightbus.services.known_principals import named_principals
from nightbus.store.interface import PutRecord

_NAME = "default"


async def put_key_policy(
    ctx: Context,
    *,
    key_id: str,
    policy: str,
    policy_name: str = _NAME,
    bypass_policy_lockout_safety_check: bool = False,
) -> None:
    _check_name(policy_name)
    found = await key_record(ctx, key_id, "PutKeyPolicy")
    refuse_pending_deletion(found)
    check_policy(policy, ctx.caller, found.arn, found.scope.account, bypass_policy_lockout_safety_check)
    principals = await check_principals(ctx, found.scope.account, policy)
    await ctx.store.commit(found.put(Policy=policy), *principals)


async def check_principals(ctx: Context, account: str, policy: str) -> tuple[PutRecord, ...]:
    """Return what belongs into the commit that stores the policy (`nightbus.services.known_principals`).

    Raises AwsError MalformedPolicyDocumentException for a user or role that does not exist.
    """
    named = await named_principals(ctx, account, policy)
    if named.unknown is not None:
        raise malformed_policy(INVALID_PRINCIPALS)
    return named.changes


async def get_key_policy(ctx: Context, *, key_id: str, policy_name: str = _NAME) -> dict[str, Any]:
    _check_name(policy_name)
    found = await key_record(ctx, key_id, "GetKeyPolicy", changes=False)
    return {"Policy": found.value["Policy"], "PolicyName": _NAME}


async def list_key_policies(
    ctx: Context, *, key_id: str, limit: int = 100, marker: str | None = None
) -> dict[str, Any]:
    await key_record(ctx, key_id, "ListKeyPolicies", changes=False)
    if marker is not None:
        decode_token(marker, bad_marker())
    return {"PolicyNames": [_NAME], "Truncated": False}


def _check_name(name: str) -> None:
    if name != _NAME:
        raise not_found("No such policy exists")
