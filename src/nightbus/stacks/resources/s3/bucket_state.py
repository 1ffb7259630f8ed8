"""Reads the settings of AWS::S3::Bucket as S3 shows them: the other direction of `bucket_settings`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.s3.shown_rules import shown_cors, shown_lifecycle
from nightbus.stacks.resources.tags import own_tags, tag_map


async def live_settings(bucket: str, ctx: ResourceContext) -> dict[str, Any]:
    """Return the bucket's settings by property; one that S3 does not have is left out."""
    live = {}
    for name, (operation, convert) in _SHOWN.items():
        with ignore_missing():
            live[name] = convert(await ctx.operation("s3", operation, Bucket=bucket))
    return live


def _encryption(reply: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled", False),
            "ServerSideEncryptionByDefault": rule["ApplyServerSideEncryptionByDefault"],
        }
        for rule in reply["ServerSideEncryptionConfiguration"]["Rules"]
    ]
    return {"ServerSideEncryptionConfiguration": rules}


def _logging(reply: Mapping[str, Any]) -> dict[str, Any] | None:
    enabled = reply.get("LoggingEnabled")
    if not enabled:
        return None
    shown = {
        "DestinationBucketName": enabled["TargetBucket"],
        "LogFilePrefix": enabled.get("TargetPrefix"),
        "TargetObjectKeyFormat": enabled.get("TargetObjectKeyFormat"),
    }
    return {name: value for name, value in shown.items() if value}


def _versioning(reply: Mapping[str, Any]) -> dict[str, Any] | None:
    return {"Status": reply["Status"]} if reply.get("Status") else None


def _notifications(reply: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for kind, member, own_kind, destination in (
        ("QueueConfigurations", "QueueArn", "QueueConfigurations", "Queue"),
        ("TopicConfigurations", "TopicArn", "TopicConfigurations", "Topic"),
        ("LambdaFunctionConfigurations", "LambdaFunctionArn", "LambdaConfigurations", "Function"),
    ):
        parts = [
            _notification(part, event, member, destination)
            for part in reply.get(kind) or ()
            for event in part["Events"]
        ]
        if parts:
            shown[own_kind] = parts
    if reply.get("EventBridgeConfiguration") is not None:
        shown["EventBridgeConfiguration"] = {"EventBridgeEnabled": True}
    return shown


def _notification(part: Mapping[str, Any], event: str, member: str, destination: str) -> dict[str, Any]:
    shown = {destination: part[member], "Event": event}
    rules = ((part.get("Filter") or {}).get("Key") or {}).get("FilterRules")
    if rules:
        names = [{"Name": str(rule["Name"]).lower(), "Value": rule["Value"]} for rule in rules]
        shown["Filter"] = {"S3Key": {"Rules": names}}
    return shown


# Each property: the operation that shows it, and how the property is made of the reply.
_SHOWN: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = {
    "BucketEncryption": ("GetBucketEncryption", _encryption),
    "CorsConfiguration": ("GetBucketCors", shown_cors),
    "LifecycleConfiguration": ("GetBucketLifecycleConfiguration", shown_lifecycle),
    "LoggingConfiguration": ("GetBucketLogging", _logging),
    "ObjectLockConfiguration": ("GetObjectLockConfiguration", lambda reply: reply["ObjectLockConfiguration"]),
    "ObjectLockEnabled": ("GetObjectLockConfiguration", lambda reply: True),
    "NotificationConfiguration": ("GetBucketNotificationConfiguration", _notifications),
    "OwnershipControls": ("GetBucketOwnershipControls", lambda reply: reply["OwnershipControls"]),
    "PublicAccessBlockConfiguration": (
        "GetPublicAccessBlock",
        lambda reply: reply["PublicAccessBlockConfiguration"],
    ),
    "Tags": ("GetBucketTagging", lambda reply: own_tags(tag_map(reply["TagSet"]))),
    "VersioningConfiguration": ("GetBucketVersioning", _versioning),
}
