"""Resource policies of an account: which AWS services may write to its log groups. They are kept and shown."""

from __future__ import annotations

from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.pagination import page
from nightbus.aws.resource_policy import is_readable
from nightbus.services.context import Context
from nightbus.services.logs.errors import bad_token, invalid
from nightbus.store.interface import DeleteRecord, PutRecord, Record

POLICY = "logs/resource-policy"
_MOST = 10  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
_PAGE = 50
_ACCOUNT = "ACCOUNT"


async def put_resource_policy(
    ctx: Context, *, policy_name: str | None = None, policy_document: str | None = None
) -> dict[str, Any]:
    if not policy_name:
        raise invalid("The policyName must be specified.")
    if not _is_policy(policy_document or ""):
        raise invalid("The policyDocument must be a policy as JSON, with statements.")
    there = await ctx.store.list(ctx.scope, POLICY)
    found = next((record for record in there if record.key == policy_name), None)
    if found is None and len(there) >= _MOST:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    value = {"document": policy_document, "updated": ctx.now_ms()}
    expect = 0 if found is None else found.revision
    await ctx.store.commit(PutRecord(ctx.scope, POLICY, policy_name, value, expect=expect))
    return {"resourcePolicy": _shown(policy_name, value)}


async def describe_resource_policies(
    ctx: Context, *, policy_scope: str = _ACCOUNT, limit: int = _PAGE, next_token: str | None = None
) -> dict[str, Any]:
    if policy_scope != _ACCOUNT:
        raise not_supported("logs", "DescribeResourcePolicies", f"policyScope {policy_scope}")
    records = await ctx.store.list(ctx.scope, POLICY)
    chosen, token = page(records, lambda record: record.key, limit, next_token, bad_token())
    return {"resourcePolicies": [_shown(one.key, one.value) for one in chosen], "nextToken": token}


async def delete_resource_policy(ctx: Context, *, policy_name: str | None = None) -> None:
    if not policy_name:
        raise invalid("The policyName must be specified.")
    record: Record | None = await ctx.store.get(ctx.scope, POLICY, policy_name)
    if record is None:
        raise AwsError("ResourceNotFoundException", "The specified resource policy does not exist.")
    await ctx.store.commit(DeleteRecord(ctx.scope, POLICY, policy_name))


def _is_policy(document: str) -> bool:
    try:
        found = read_document(document)
    except ValueError:
        return False
    return isinstance(found, dict) and bool(found.get("Statement")) and is_readable(found)


def _shown(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "policyName": name,
        "policyDocument": value["document"],
        "lastUpdatedTime": value["updated"],
        "policyScope": _ACCOUNT,
    }
