"""Creates, lists, deletes and sets the versions of managed policies: at most five, one of which is the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.policies import aws_managed as managed
from nightbus.policies.grammar import percent_encoded
from nightbus.services.context import Context
from nightbus.services.iam.errors import (
    delete_conflict,
    limit_exceeded,
    no_such_policy,
    no_such_policy_version,
)
from nightbus.services.iam.listing import DEFAULT_PAGE, listing
from nightbus.services.iam.policies import check_document
from nightbus.services.iam.records import change_policy, find_policy, time_of

_MOST = 5


async def create_policy_version(
    ctx: Context, *, policy_arn: str, policy_document: str, set_as_default: bool = False
) -> dict[str, Any]:
    _refuse_aws_managed(policy_arn)
    await find_policy(ctx, policy_arn)
    check_document(policy_document)
    now = ctx.now_ms()

    def add(value: dict[str, Any]) -> None:
        if len(value["Versions"]) >= _MOST:
            text = (
                f"A managed policy can have up to {_MOST} versions. Before you create a new version, you must"
            )
            raise limit_exceeded(f"{text} delete an existing version.")
        value["Latest"] += 1
        value["Updated"] = now
        value["Versions"][f"v{value['Latest']}"] = {"Document": policy_document, "Created": now}
        if set_as_default:
            value["Default"] = f"v{value['Latest']}"

    value = await change_policy(ctx, policy_arn, add)
    return {"PolicyVersion": _described(value, f"v{value['Latest']}")}


async def get_policy_version(ctx: Context, *, policy_arn: str, version_id: str) -> dict[str, Any]:
    if managed.is_aws_managed(policy_arn):
        return {"PolicyVersion": _aws_version(ctx, "GetPolicyVersion", policy_arn, version_id)}
    value = (await find_policy(ctx, policy_arn)).value
    if version_id not in value["Versions"]:
        raise no_such_policy_version(policy_arn, version_id)
    document = percent_encoded(value["Versions"][version_id]["Document"])
    return {"PolicyVersion": {**_described(value, version_id), "Document": document}}


async def list_policy_versions(
    ctx: Context, *, policy_arn: str, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    """List the versions, the newest first, as AWS does."""
    if managed.is_aws_managed(policy_arn):
        version = _aws_version(ctx, "ListPolicyVersions", policy_arn)
        del version["Document"]
        return {"Versions": [version], "IsTruncated": False}
    value = (await find_policy(ctx, policy_arn)).value
    versions = [_described(value, version) for version in value["Versions"]]
    return listing("Versions", versions, _newest_first, max_items, marker)


async def set_default_policy_version(ctx: Context, *, policy_arn: str, version_id: str) -> None:
    _refuse_aws_managed(policy_arn)

    def set_default(value: dict[str, Any]) -> None:
        if version_id not in value["Versions"]:
            raise no_such_policy_version(policy_arn, version_id)
        value["Default"] = version_id
        value["Updated"] = ctx.now_ms()

    await change_policy(ctx, policy_arn, set_default)


async def delete_policy_version(ctx: Context, *, policy_arn: str, version_id: str) -> None:
    _refuse_aws_managed(policy_arn)

    def delete(value: dict[str, Any]) -> None:
        if version_id == value["Default"]:
            raise delete_conflict("Cannot delete the default version of a policy.")
        if value["Versions"].pop(version_id, None) is None:
            raise no_such_policy_version(policy_arn, version_id)

    await change_policy(ctx, policy_arn, delete)


def _aws_version(ctx: Context, operation: str, arn: str, version_id: str | None = None) -> dict[str, Any]:
    """Return the default version of an AWS policy. Raises AwsError 501 for an older one."""
    version = managed.aws_policy_version(arn) if arn in managed.aws_policy_arns(ctx.region) else None
    if version is None:
        raise no_such_policy(arn)
    if version_id is not None and version_id != version["VersionId"]:
        if _number(version_id) > _number(version["VersionId"]):
            raise no_such_policy_version(arn, version_id)
        raise not_supported("iam", operation, f"{arn} {version_id}")
    return {**version, "Document": percent_encoded(version["Document"])}


def _number(version_id: str) -> int:
    return int(version_id[1:].partition(".")[0])


def _refuse_aws_managed(arn: str) -> None:
    if managed.is_aws_managed(arn):
        raise AwsError("AccessDenied", f"{arn} is an AWS managed policy and cannot be changed.", 403)


def _described(value: Mapping[str, Any], version: str) -> dict[str, Any]:
    return {
        "VersionId": version,
        "IsDefaultVersion": value["Default"] == version,
        "CreateDate": time_of(value["Versions"][version]["Created"]),
    }


def _newest_first(version: Mapping[str, Any]) -> str:
    return f"{10**9 - int(version['VersionId'][1:]):010d}"
