"""Finds the policy, the owner and the tags of a bucket or an object for the Authorizer."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.request import Values
from nightbus.services.context import Platform
from nightbus.services.s3.records import BUCKET
from nightbus.store.interface import SYSTEM, Record


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    record = await _bucket(platform, arn)
    document = record.value.get("Policy") if record is not None else None
    return compiled_policy(document, PolicyKind.RESOURCE, arn.partition("/")[0]) if document else None


async def resource_owner(platform: Platform, arn: str) -> str:
    record = await _bucket(platform, arn)
    return str(record.value["Account"]) if record is not None else ""


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    """Return the tags of a bucket."""
    record = await _bucket(platform, arn) if "/" not in arn else None
    tagging = record.value.get("Tagging") if record is not None else None
    return {tag["Key"]: tag["Value"] for tag in (tagging or {}).get("TagSet") or ()}


async def _bucket(platform: Platform, arn: str) -> Record | None:
    name = arn.split(":", 5)[5].partition("/")[0]
    return await platform.store.get(SYSTEM, BUCKET, name)
