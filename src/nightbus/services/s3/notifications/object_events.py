"""Describes what happened to an object, as the record of a notification and as an event of EventBridge.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and ev-events.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from nightbus.aws.calls import Caller
from nightbus.aws.ids import host_id
from nightbus.services.s3.records import ObjectVersion, bucket_arn, canonical_id
from nightbus.store.interface import Record

SERVICE = "s3.amazonaws.com"
_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"  # of the bytes of a delete marker, which are none
_VERSION, _LATER_VERSION = "2.1", "2.3"
_LATER_KINDS = ("Lifecycle", "ObjectTagging", "ObjectAcl", "ObjectRestore:Delete", "IntelligentTiering")
_DETAIL_TYPES = {
    "ObjectCreated": "Object Created",
    "ObjectRemoved": "Object Deleted",
    "LifecycleExpiration": "Object Deleted",
    "LifecycleTransition": "Object Storage Class Changed",
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectAcl:Put": "Object ACL Updated",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
}
_REASONS = {
    "ObjectCreated:Put": "PutObject",
    "ObjectCreated:Copy": "CopyObject",
    "ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "ObjectCreated:Post": "POST Object",
    "ObjectRemoved:Delete": "DeleteObject",
    "ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
    "LifecycleExpiration:Delete": "Lifecycle Expiration",
    "LifecycleExpiration:DeleteMarkerCreated": "Lifecycle Expiration",
}


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """`name` is such as `ObjectCreated:Put`; `version` is what was made, changed or removed.

    `record` is what a record has beside `s3`, `detail` what an event has beside the object, for restores and others.
    """

    name: str
    version: ObjectVersion
    record: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_of_lifecycle(self) -> bool:
        return self.name.startswith("Lifecycle") or self.name in (
            "ObjectRestore:Completed",
            "ObjectRestore:Delete",
        )

    @property
    def is_numbered(self) -> bool:
        """Whether it has a sequencer, by which consumers order the writes and deletes of one key."""
        return self.name.startswith(("ObjectCreated", "ObjectRemoved", "LifecycleExpiration"))


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Who made the request of an event, and when (UTC ms). `sequencer` grows with each write of a key."""

    caller: Caller
    request_id: str
    source_ip: str
    time: int
    sequencer: str


def record_of(
    bucket: Record, event: ObjectEvent, circumstances: Circumstances, configuration: str
) -> dict[str, Any]:
    """Return the record that queues, topics and functions get; `configuration` is the id of the configuration."""
    version, account = event.version, bucket.value["Account"]
    stored: dict[str, Any] = {"key": quote_plus(version.key, safe="/*-._")}
    if event.name.startswith(("ObjectCreated", "ObjectRestore", "LifecycleTransition")):
        stored["size"] = version.size
    if not event.name.endswith(":Delete") or event.name == "ObjectTagging:Delete":
        stored["eTag"] = version.etag or _EMPTY_ETAG
    if _has_version(bucket, version):
        stored["versionId"] = version.version_id
    if event.is_numbered:
        stored["sequencer"] = circumstances.sequencer
    record: dict[str, Any] = {
        "eventVersion": _LATER_VERSION if event.name.startswith(_LATER_KINDS) else _VERSION,
        "eventSource": "aws:s3",
        "awsRegion": bucket.value["Region"],
        "eventTime": iso_time(circumstances.time),
        "eventName": event.name,
        "userIdentity": {"principalId": _principal(event, circumstances.caller)},
        "requestParameters": {"sourceIPAddress": _address(event, circumstances)},
        "responseElements": {
            "x-amz-request-id": circumstances.request_id,
            "x-amz-id-2": host_id(circumstances.request_id),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration,
            "bucket": {
                "name": bucket.key,
                "ownerIdentity": {"principalId": _customer(account)},
                "arn": bucket_arn(bucket),
            },
            "object": stored,
        },
    }
    return {**record, **event.record}


def detail_type(event: ObjectEvent) -> str | None:
    """Return the detail-type of the event of EventBridge; None for what EventBridge does not get."""
    return _DETAIL_TYPES.get(event.name) or _DETAIL_TYPES.get(event.name.partition(":")[0])


def detail_of(bucket: Record, event: ObjectEvent, circumstances: Circumstances) -> dict[str, Any]:
    """Return the detail of the event of EventBridge."""
    version, removes = event.version, "Delete" in event.name and event.is_numbered
    stored: dict[str, Any] = {"key": version.key}
    if not removes and not event.name.startswith("ObjectTagging"):
        stored["size"] = version.size
    if event.name not in ("ObjectRemoved:Delete", "LifecycleExpiration:Delete"):
        stored["etag"] = version.etag or _EMPTY_ETAG
    if _has_version(bucket, version):
        stored["version-id"] = version.version_id
    if event.is_numbered:
        stored["sequencer"] = circumstances.sequencer
    detail: dict[str, Any] = {
        "version": "0",
        "bucket": {"name": bucket.key},
        "object": stored,
        "request-id": circumstances.request_id,
        "requester": SERVICE if event.is_of_lifecycle else _requester(circumstances.caller),
    }
    if not event.is_of_lifecycle:
        detail["source-ip-address"] = _address(event, circumstances)
    if event.name in _REASONS:
        detail["reason"] = _REASONS[event.name]
    if removes:
        made = event.name.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if made else "Permanently Deleted"
    return {**detail, **event.detail}


def test_event(bucket: Record, request_id: str, now_ms: int) -> dict[str, Any]:
    """Return the message that a queue or a topic gets when it is configured as a destination."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": iso_time(now_ms),
        "Bucket": bucket.key,
        "RequestId": request_id,
        "HostId": host_id(request_id),
    }


def iso_time(time_ms: int) -> str:
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


def _has_version(bucket: Record, version: ObjectVersion) -> bool:
    status = bucket.value.get("VersioningConfiguration", {}).get("Status")
    return bool(status and version.version_id)


def _principal(event: ObjectEvent, caller: Caller) -> str:
    if event.is_of_lifecycle:
        return SERVICE
    if caller.service:
        return caller.service
    if caller.is_anonymous:
        return "Anonymous"
    return _customer(caller.account) if caller.arn.endswith(":root") else f"AWS:{caller.user_id}"


def _requester(caller: Caller) -> str:
    return caller.service or caller.account or "Anonymous"


def _address(event: ObjectEvent, circumstances: Circumstances) -> str:
    """Return the client's address. An AWS service that acts for its user has a name in its place, as on AWS."""
    if event.is_of_lifecycle:
        return SERVICE
    return circumstances.source_ip or circumstances.caller.service or SERVICE


def _customer(account: str) -> str:
    """Return the customer id of an account: `A` and thirteen characters that depend on the account only."""
    return f"A{canonical_id(account)[:13].upper()}"
