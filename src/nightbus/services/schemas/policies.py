"""Sets, returns and deletes the policy of a registry."""

from __future__ import annotations

from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.schemas.errors import bad_request, not_found
from nightbus.services.schemas.records import REGISTRY, find_registry
from nightbus.store.interface import PutRecord, Record

_DISCOVERED = "discovered-schemas"  # the registry that is meant without a name


async def put_resource_policy(
    ctx: Context, *, policy: str, registry_name: str | None = None, revision_id: str | None = None
) -> dict[str, Any]:
    """With `revision_id` only where the policy still has it."""
    if not _is_policy(policy):
        raise bad_request("Policy is not a policy with statements in JSON.")
    record = await find_registry(ctx, registry_name or _DISCOVERED)
    if revision_id is not None and revision_id != record.value["policy_revision"]:
        raise AwsError(
            "PreconditionFailedException", "The policy has another revision than the one that was named.", 412
        )
    principals = await named_principals(ctx, ctx.account, policy)
    if principals.unknown is not None:
        raise bad_request(f"Invalid principal in policy: {principals.unknown}")
    revision = new_uuid()
    value = {**record.value, "policy": policy, "policy_revision": revision}
    put = PutRecord(ctx.scope, REGISTRY, record.key, value, expect=record.revision)
    await ctx.store.commit(put, *principals.changes)
    return {"Policy": policy, "RevisionId": revision}


async def get_resource_policy(ctx: Context, *, registry_name: str | None = None) -> dict[str, Any]:
    record = await _with_policy(ctx, registry_name)
    return {"Policy": record.value["policy"], "RevisionId": record.value["policy_revision"]}


async def delete_resource_policy(ctx: Context, *, registry_name: str | None = None) -> None:
    record = await _with_policy(ctx, registry_name)
    value = {**record.value, "policy": None, "policy_revision": None}
    await ctx.store.commit(PutRecord(ctx.scope, REGISTRY, record.key, value, expect=record.revision))


async def _with_policy(ctx: Context, registry_name: str | None) -> Record:
    name = registry_name or _DISCOVERED
    record = await find_registry(ctx, name)
    if record.value["policy"] is None:
        raise not_found(f"Registry with name {name} has no policy.")
    return record


def _is_policy(document: str) -> bool:
    try:
        policy = read_document(document)
    except ValueError:
        return False
    return is_resource_policy(policy)
