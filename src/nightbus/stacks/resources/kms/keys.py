"""Does what AWS::KMS::Key and AWS::KMS::ReplicaKey have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.keys.records import default_policy
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.tags import own_tags
from nightbus.stacks.resources.values import boolean, converted, document_text, integer_value

_WINDOW_DAYS = 30


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value} for key, value in tags.items()]


async def set_enabled(key_id: str, enabled: bool, ctx: ResourceContext) -> None:
    await ctx.operation("kms", "EnableKey" if enabled else "DisableKey", KeyId=key_id)


async def set_policy(key_id: str, policy: Any, ctx: ResourceContext, *, bypass: bool = False) -> None:
    """Set the policy of the template, the default one where it has none."""
    scope = ctx.call.scope
    document = default_policy(scope.account, scope.region) if policy is None else policy
    request = {"Policy": document_text(document), "BypassPolicyLockoutSafetyCheck": bypass}
    await ctx.operation("kms", "PutKeyPolicy", KeyId=key_id, PolicyName="default", **request)


async def retag(key_id: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    listed = (await ctx.inspect("kms", "ListResourceTags", KeyId=key_id))["Tags"]
    existing = {tag["TagKey"]: tag["TagValue"] for tag in listed}
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("kms", "UntagResource", KeyId=key_id, TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("kms", "TagResource", KeyId=key_id, Tags=tag_list(tags))


async def schedule_deletion(key_id: str, window: Any, ctx: ResourceContext) -> None:
    """Schedule the key's deletion, unless the key is gone or is to be deleted already."""
    days = converted("PendingWindowInDays", window or _WINDOW_DAYS, integer_value)
    with ignore_missing():
        try:
            await ctx.operation("kms", "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=days)
        except AwsError as error:
            if error.code != "KMSInvalidStateException":
                raise


def is_enabled(properties: Mapping[str, Any]) -> bool:
    enabled = properties.get("Enabled")
    return enabled is None or bool(converted("Enabled", enabled, boolean))


def key_resource(key: Mapping[str, Any]) -> Resource:
    return Resource(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})


async def live_key(key_id: str, ctx: ResourceContext) -> dict[str, Any] | None:
    """Return a key's properties as they are now, None for one that waits for its deletion."""
    key = (await ctx.operation("kms", "DescribeKey", KeyId=key_id))["KeyMetadata"]
    if key["KeyState"] in ("PendingDeletion", "PendingReplicaDeletion"):
        return None
    policy = await ctx.operation("kms", "GetKeyPolicy", KeyId=key_id, PolicyName="default")
    tags = (await ctx.operation("kms", "ListResourceTags", KeyId=key_id))["Tags"]
    live = {**key, "KeyPolicy": policy["Policy"]}
    live["Tags"] = own_tags({tag["TagKey"]: tag["TagValue"] for tag in tags})
    if key["KeySpec"] == "SYMMETRIC_DEFAULT":
        rotation = await ctx.operation("kms", "GetKeyRotationStatus", KeyId=key_id)
        live["EnableKeyRotation"] = rotation["KeyRotationEnabled"]
    return live
