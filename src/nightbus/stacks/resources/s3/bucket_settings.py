"""Converts the settings of AWS::S3::Bucket to the requests of S3 that put them.

Each setting is one document of the bucket. Without the property the document is deleted, or an empty one is put.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.s3.lifecycle import cors, lifecycle
from nightbus.stacks.resources.values import boolean, changed, converted, integer_value

_LOG_DELIVERY = 'uri="http://acs.amazonaws.com/groups/s3/LogDelivery"'
_SMALLEST = "TransitionDefaultMinimumObjectSize"  # beside the lifecycle rules, in a request


class Setting(NamedTuple):
    """`convert` makes the member `member` of the operation `put` from the property; all members if `member` is "".

    Without a property the operation `delete` is called; where that is "", `convert` gets None. What it makes None of is
    not put.
    """

    put: str
    member: str
    convert: Callable[[Any], Any]
    delete: str = ""


async def apply_settings(
    bucket: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
) -> None:
    """Put or delete each setting whose property differs between `old` and `new`."""
    for name, setting in SETTINGS.items():
        if not changed(old, new, name):
            continue
        value = new.get(name)
        if value is None and setting.delete:
            await ctx.operation("s3", setting.delete, Bucket=bucket)
            continue
        made = setting.convert(value)
        if made is not None:
            request = _request(bucket, setting, made, value)
            await ctx.operation("s3", setting.put, Bucket=bucket, **request)


def _request(bucket: str, setting: Setting, made: Any, value: Any) -> dict[str, Any]:
    """Return the members of the request that puts a setting."""
    if not setting.member:
        return dict(made)
    if setting.put == "PutBucketLogging" and made:  # without another bucket's name, one logs to itself
        made["LoggingEnabled"].setdefault("TargetBucket", bucket)
    smallest = value.get(_SMALLEST) if isinstance(value, Mapping) else None
    return {setting.member: made, **({_SMALLEST: smallest} if smallest else {})}


def _versioning(value: Any) -> dict[str, Any]:
    return {"Status": (value or {"Status": "Suspended"})["Status"]}


def _encryption(value: Any) -> dict[str, Any]:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
            "BucketKeyEnabled": boolean(rule.get("BucketKeyEnabled", False)),
        }
        for rule in value["ServerSideEncryptionConfiguration"]
    ]
    return {"Rules": [{name: one for name, one in rule.items() if one is not None} for rule in rules]}


def _public_access(value: Any) -> dict[str, Any]:
    return {name: boolean(one) for name, one in value.items()}


def _as_it_is(value: Any) -> Any:
    return value


def _acl(value: Any) -> dict[str, str]:
    """Return the canned ACL of a property such as `PublicRead`, in S3's spelling, or the grants of `LogDeliveryWrite`;
    nothing for every bucket's own ACL."""
    if value in (None, "Private"):
        return {}
    if value == "LogDeliveryWrite":
        return {"GrantWrite": _LOG_DELIVERY, "GrantReadACP": _LOG_DELIVERY}
    return {"ACL": re.sub(r"(?<=[a-z])(?=[A-Z])", "-", value).lower()}


def _lock_enabled(value: Any) -> dict[str, Any] | None:
    return {"ObjectLockEnabled": "Enabled"} if value is not None and boolean(value) else None


def _lock(value: Any) -> dict[str, Any] | None:
    """Return the configuration; None without one, since the lock of a bucket cannot be taken away."""
    if value is None:
        return None
    default = (value.get("Rule") or {}).get("DefaultRetention")
    if not default:
        return {"ObjectLockEnabled": "Enabled"}
    periods = {
        name: converted(name, default[name], integer_value) for name in ("Days", "Years") if default.get(name)
    }
    retention = {"Mode": default.get("Mode"), **periods}
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}


def _logging(value: Any) -> dict[str, Any]:
    """Return the status; an empty one, which turns logging off, without the property."""
    if value is None:
        return {}
    enabled: dict[str, Any] = {"TargetPrefix": str(value.get("LogFilePrefix", ""))}
    if value.get("DestinationBucketName"):
        enabled["TargetBucket"] = str(value["DestinationBucketName"])
    if value.get("TargetObjectKeyFormat"):
        enabled["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    return {"LoggingEnabled": enabled}


def _notifications(value: Any) -> dict[str, Any]:
    value = value or {}
    configuration: dict[str, Any] = {}
    for kind, member, destination in (
        ("QueueConfigurations", "QueueArn", "Queue"),
        ("TopicConfigurations", "TopicArn", "Topic"),
        ("LambdaConfigurations", "LambdaFunctionArn", "Function"),
    ):
        parts = value.get(kind) or []
        name = "LambdaFunctionConfigurations" if destination == "Function" else kind
        configuration[name] = [_notification(part, member, destination) for part in parts]
    bus = value.get("EventBridgeConfiguration")
    if bus is not None and boolean(bus.get("EventBridgeEnabled", True)):
        configuration["EventBridgeConfiguration"] = {}
    return {name: one for name, one in configuration.items() if one or name == "EventBridgeConfiguration"}


def _notification(part: Mapping[str, Any], member: str, destination: str) -> dict[str, Any]:
    converted: dict[str, Any] = {member: part[destination], "Events": [part["Event"]]}
    rules: Sequence[Mapping[str, Any]] = ((part.get("Filter") or {}).get("S3Key") or {}).get("Rules") or []
    if rules:
        names = [{"Name": str(rule["Name"]).lower(), "Value": str(rule["Value"])} for rule in rules]
        converted["Filter"] = {"Key": {"FilterRules": names}}
    return converted


# In this order: notifications last, since their destinations are asked whether they take those of a bucket as it is.
SETTINGS: Mapping[str, Setting] = {
    "VersioningConfiguration": Setting("PutBucketVersioning", "VersioningConfiguration", _versioning),
    "ObjectLockEnabled": Setting("PutObjectLockConfiguration", "ObjectLockConfiguration", _lock_enabled),
    "ObjectLockConfiguration": Setting("PutObjectLockConfiguration", "ObjectLockConfiguration", _lock),
    "BucketEncryption": Setting(
        "PutBucketEncryption", "ServerSideEncryptionConfiguration", _encryption, "DeleteBucketEncryption"
    ),
    "PublicAccessBlockConfiguration": Setting(
        "PutPublicAccessBlock", "PublicAccessBlockConfiguration", _public_access, "DeletePublicAccessBlock"
    ),
    "OwnershipControls": Setting(
        "PutBucketOwnershipControls", "OwnershipControls", _as_it_is, "DeleteBucketOwnershipControls"
    ),
    "AccessControl": Setting("PutBucketAcl", "", _acl),
    "LifecycleConfiguration": Setting(
        "PutBucketLifecycleConfiguration", "LifecycleConfiguration", lifecycle, "DeleteBucketLifecycle"
    ),
    "LoggingConfiguration": Setting("PutBucketLogging", "BucketLoggingStatus", _logging),
    "CorsConfiguration": Setting("PutBucketCors", "CORSConfiguration", cors, "DeleteBucketCors"),
    "NotificationConfiguration": Setting(
        "PutBucketNotificationConfiguration", "NotificationConfiguration", _notifications
    ),
}
