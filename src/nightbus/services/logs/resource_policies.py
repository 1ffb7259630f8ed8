"""Stores and returns the resource policies by which an account lets AWS services write to its log groups."""

from __future__ import annotations

from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.pagination import page
from nightbus.messaging.log_policies import POLICY
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.logs.errors import bad_token, invalid
from nightbus.store.interface import DeleteRecord, PutRecord, Record

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
    policies = await ctx.store.list(ctx.scope, POLICY)
    existing = next((record for record in policies if record.key == policy_name), None)
    if existing is None and len(policies) >= _MOST:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    value = {"document": policy_document, "updated": ctx.now_ms()}
    expect = 0 if existing is None else existing.revision
    # These policies are for services; AWS does not say that it refuses users and roles that do not exist.
    principals = await named_principals(ctx, ctx.account, policy_document)
    put = PutRecord(ctx.scope, POLICY, policy_name, value, expect=expect)
    await ctx.store.commit(put, *principals.changes)
    return {"resourcePolicy": _policy_reply(policy_name, value)}


async def describe_resource_policies(
    ctx: Context, *, policy_scope: str = _ACCOUNT, limit: int = _PAGE, next_token: str | None = None
) -> dict[str, Any]:
    if policy_scope != _ACCOUNT:
        raise not_supported("logs", "DescribeResourcePolicies", f"policyScope {policy_scope}")
    records = await ctx.store.list(ctx.scope, POLICY)
    page_items, token = page(records, lambda record: record.key, limit, next_token, bad_token())
    return {"resourcePolicies": [_policy_reply(one.key, one.value) for one in page_items], "nextToken": token}


async def delete_resource_policy(ctx: Context, *, policy_name: str | None = None) -> None:
    if not policy_name:
        raise invalid("The policyName must be specified.")
    record: Record | None = await ctx.store.get(ctx.scope, POLICY, policy_name)
    if record is None:
        raise AwsError("ResourceNotFoundException", "The specified resource policy does not exist.")
    await ctx.store.commit(DeleteRecord(ctx.scope, POLICY, policy_name))


def _is_policy(document: str) -> bool:
    try:
        policy = read_document(document)
    except ValueError:
        return False
    return is_resource_policy(policy)


def _policy_reply(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "policyName": name,
        "policyDocument": value["document"],
        "lastUpdatedTime": value["updated"],
        "policyScope": _ACCOUNT,
    }
