"""Finds the policy, the owner and the tags of a bucket or an object for the Authorizer."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.request import Values
from nightbus.services.context import Platform
from nightbus.services.s3.buckets.policies import is_public
from nightbus.services.s3.records import BUCKET, ObjectVersion, object_kind, version_kind
from nightbus.store.interface import SYSTEM, Record

POLICY_RECORDS = (BUCKET,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    record = await _bucket(platform, arn)
    document = record.value.get("Policy") if record is not None else None
    if record is None or not document:
        return None
    if record.value.get("PublicAccessBlock", {}).get("RestrictPublicBuckets"):
        return _restricted(document, record.value["Account"], arn.partition("/")[0])
    return compiled_policy(document, PolicyKind.RESOURCE, arn.partition("/")[0])


@functools.lru_cache(maxsize=256)
def _restricted(document: str, owner: str, name: str) -> Policy:
    """Return the policy as RestrictPublicBuckets has it: a public one is for the owner's account and for services.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    policy = json.loads(document)
    if not is_public(policy):
        return compiled_policy(document, PolicyKind.RESOURCE, name)
    others = {
        "StringNotEquals": {"aws:PrincipalAccount": owner},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    }
    denial = {
        "Sid": "RestrictPublicBuckets",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
    }
    given = policy["Statement"]
    statements = [*(given if isinstance(given, list) else [given]), {**denial, "Condition": others}]
    return Policy.compile({**policy, "Statement": statements}, PolicyKind.RESOURCE, name)


async def resource_owner(platform: Platform, arn: str) -> str:
    record = await _bucket(platform, arn)
    return str(record.value["Account"]) if record is not None else ""


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a bucket, or of an object: of the version that `s3:versionid` names, or the current one."""
    if "/" in arn:
        return await _tags_of_object(platform, arn, str(keys.get("s3:versionid") or ""))
    record = await _bucket(platform, arn)
    tagging = record.value.get("Tagging") if record is not None else None
    return {tag["Key"]: tag["Value"] for tag in (tagging or {}).get("TagSet") or ()}


async def _tags_of_object(platform: Platform, arn: str, version_id: str) -> Mapping[str, str]:
    bucket, _, key = arn.split(":", 5)[5].partition("/")
    record = await platform.store.get(SYSTEM, object_kind(bucket), key)
    versions = [record] if record is not None else []
    if version_id and record is not None and record.value["version_id"] != version_id:
        versions = await platform.store.list(SYSTEM, version_kind(bucket), prefix=f"{key}\0")
    for one in versions:
        version = ObjectVersion.of(one)
        if version_id in ("", version.version_id):
            return version.tags
    return {}


async def _bucket(platform: Platform, arn: str) -> Record | None:
    name = arn.split(":", 5)[5].partition("/")[0]
    return await platform.store.get(SYSTEM, BUCKET, name)
