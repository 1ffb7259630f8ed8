"""Creates, describes, lists and deletes managed policies, and lists those of AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_iam_id
from nightbus.identity.principals import POLICY
from nightbus.policies import aws_managed as managed
from nightbus.policies.grammar import check_identity_policy, quota_size
from nightbus.services.context import Context
from nightbus.services.iam.errors import (
    already_exists,
    delete_conflict,
    invalid_input,
    limit_exceeded,
    no_such_policy,
    not_attachable,
)
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.quotas import check_quota
from nightbus.services.iam.records import (
    GROUPS,
    ROLES,
    USERS,
    entities,
    find_policy,
    iam_arn,
    time_of,
)
from nightbus.services.iam.tags import Tag, checked_iam_tags
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_LARGEST = 6144
_MOST_POLICIES = 1500


async def create_policy(
    ctx: Context,
    *,
    policy_name: str,
    policy_document: str,
    path: str = "/",
    description: str | None = None,
    tags: Sequence[Tag] = (),
) -> dict[str, Any]:
    check_document(policy_document)
    now = ctx.now_ms()
    value = {
        "PolicyName": policy_name,
        "PolicyId": new_iam_id("ANPA"),
        "Arn": iam_arn(ctx, f"policy{path}{policy_name}"),
        "Path": path,
        "Created": now,
        "Updated": now,
        "Description": description,
        "Tags": checked_iam_tags(tags),
        "Default": "v1",
        "Latest": 1,
        "Versions": {"v1": {"Document": policy_document, "Created": now}},
    }
    if await ctx.store.get(ctx.global_scope, POLICY, policy_name.lower()) is not None:
        text = f"A policy called {policy_name} already exists. Duplicate names are not allowed."
        raise already_exists(text)
    await check_quota(ctx, POLICY, "PoliciesPerAccount", _MOST_POLICIES)
    await ctx.store.commit(PutRecord(ctx.global_scope, POLICY, policy_name.lower(), value, expect=0))
    reply = policy_reply(value, 0, 0)
    del reply["Description"]
    return {"Policy": reply}


def check_document(document: str) -> None:
    check_identity_policy(document)
    if quota_size(document) > _LARGEST:
        raise limit_exceeded(f"Cannot exceed quota for PolicySize: {_LARGEST}")


async def get_policy(ctx: Context, *, policy_arn: str) -> dict[str, Any]:
    attached, bounding = await uses(ctx)
    if not managed.is_aws_managed(policy_arn):
        value = (await find_policy(ctx, policy_arn)).value
        return {"Policy": policy_reply(value, attached[policy_arn], bounding[policy_arn])}
    if policy_arn not in managed.aws_policy_arns(ctx.region):
        raise no_such_policy(policy_arn)
    return {"Policy": managed.aws_policy_reply(policy_arn, attached[policy_arn], bounding[policy_arn])}


async def list_policies(
    ctx: Context,
    *,
    scope: str = "All",
    only_attached: bool = False,
    path_prefix: str = "/",
    policy_usage_filter: str | None = None,
    marker: str | None = None,
    max_items: int = DEFAULT_PAGE,
) -> dict[str, Any]:
    attached, bounding = await uses(ctx)
    policies: list[dict[str, Any]] = []
    if scope in ("All", "Local"):
        records = await ctx.store.list(ctx.global_scope, POLICY)
        for record in records:
            arn = record.value["Arn"]
            policies.append(policy_reply(record.value, attached[arn], bounding[arn]))
    if scope in ("All", "AWS"):
        aws_arns = managed.aws_policy_arns(ctx.region)
        policies += [managed.aws_policy_reply(arn, attached[arn], bounding[arn]) for arn in aws_arns]
    counted = {
        "PermissionsPolicy": ("AttachmentCount",),
        "PermissionsBoundary": ("PermissionsBoundaryUsageCount",),
    }
    counts = counted.get(policy_usage_filter or "", ("AttachmentCount", "PermissionsBoundaryUsageCount"))
    if only_attached or policy_usage_filter is not None:
        policies = [one for one in policies if any(one[count] for count in counts)]
    matching = [
        {name: value for name, value in one.items() if name not in ("Description", "Tags")}
        for one in policies
        if one["Path"].startswith(path_prefix)
    ]
    return listing("Policies", matching, lambda one: str(one["Arn"]), max_items, marker)


async def delete_policy(ctx: Context, *, policy_arn: str) -> None:
    if managed.is_aws_managed(policy_arn):
        raise AwsError("AccessDenied", "You cannot delete an AWS managed policy.", 403)
    record = await find_policy(ctx, policy_arn)
    attached, bounding = await uses(ctx)
    if attached[policy_arn] or bounding[policy_arn]:
        raise delete_conflict("Cannot delete a policy attached to entities.")
    if len(record.value["Versions"]) > 1:
        text = (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's"
        )
        raise delete_conflict(f"{text} versions. The default version is deleted with the policy.")
    await ctx.store.commit(DeleteRecord(ctx.global_scope, POLICY, record.key, record.revision))


async def require_policy(ctx: Context, arn: str) -> Sequence[Change]:
    """Return the changes to commit with a role's first use of a policy. Raises AwsError if no role can have it.

    They write the policy's record unchanged, so that a concurrent deletion that has not seen the use is a Conflict.
    """
    policy = await _attachable(ctx, arn)
    if policy is None:
        return ()
    return (PutRecord(ctx.global_scope, POLICY, policy.key, policy.value, policy.revision),)


async def _attachable(ctx: Context, arn: str) -> Record | None:
    """Return the record of an account's policy, None for one of AWS. Raises AwsError if no role can have it."""
    if managed.is_aws_managed(arn):
        if arn not in managed.aws_policy_arns(ctx.region):
            raise not_attachable(arn)
        if ":policy/aws-service-role/" in arn:
            text = "Cannot attach a Service Role Policy to a Customer Role."
            raise AwsError("PolicyNotAttachable", text)
        return None
    try:
        return await find_policy(ctx, arn)
    except AwsError as error:
        if error.code == "NoSuchEntity":
            raise not_attachable(arn) from None
        raise invalid_input(f"ARN {arn} is not valid.") from None


async def uses(ctx: Context) -> tuple[Counter[str], Counter[str]]:
    """Count for each policy's ARN what it is attached to, and the roles and users whose boundary it is."""
    holders = [one for kind in (ROLES, USERS, GROUPS) for one in await entities(ctx, kind)]
    attached = Counter(arn for one in holders for arn in one["Attached"])
    return attached, Counter(
        one["PermissionsBoundary"] for one in holders if one.get("PermissionsBoundary") is not None
    )


def policy_reply(value: Mapping[str, Any], attachments: int, boundaries: int) -> dict[str, Any]:
    return {
        "PolicyName": value["PolicyName"],
        "PolicyId": value["PolicyId"],
        "Arn": value["Arn"],
        "Path": value["Path"],
        "DefaultVersionId": value["Default"],
        "AttachmentCount": attachments,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": True,
        "Description": value["Description"],
        "CreateDate": time_of(value["Created"]),
        "UpdateDate": time_of(value["Updated"]),
        "Tags": value["Tags"],
    }
