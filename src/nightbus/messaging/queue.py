"""Defines a queue: its attributes as SQS takes them, and what they mean for the messages in it.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Scope
from nightbus.messaging.access import Access
from nightbus.store.interface import Record

KIND = "sqs/queue"
SEND, RECEIVE = "sqs:sendmessage", "sqs:receivemessage"
FIFO_SUFFIX = ".fifo"

DEFAULTS = {
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
}


@dataclass(frozen=True, slots=True)
class Redrive:
    """Where messages go that were received more than `limit` times."""

    arn: str
    limit: int


@dataclass(frozen=True, slots=True)
class Queue:
    """`queue` names it in the store: a queue that is made again under its name does not find the old messages."""

    scope: Scope
    name: str
    arn: str
    queue: str
    fifo: bool
    content_based: bool
    by_group: bool  # deduplication per message group instead of per queue
    delay_ms: int
    largest: int  # bytes
    retention_ms: int
    wait_seconds: int
    visibility_ms: int
    redrive: Redrive | None
    access: Access
    key: str  # KmsMasterKeyId, "" without one

    @classmethod
    def of(cls, scope: Scope, record: Record) -> Queue:
        attributes: dict[str, str] = record.value["attributes"]
        values = {**DEFAULTS, **attributes}
        own_arn = queue_arn(scope, record.key)
        return cls(
            scope=scope,
            name=record.key,
            arn=own_arn,
            queue=f"sqs/{record.key}/{record.value['id']}",
            fifo=record.key.endswith(FIFO_SUFFIX),
            content_based=values.get("ContentBasedDeduplication") == "true",
            by_group=values.get("DeduplicationScope") == "messageGroup",
            delay_ms=int(values["DelaySeconds"]) * 1000,
            largest=int(values["MaximumMessageSize"]),
            retention_ms=int(values["MessageRetentionPeriod"]) * 1000,
            wait_seconds=int(values["ReceiveMessageWaitTimeSeconds"]),
            visibility_ms=int(values["VisibilityTimeout"]) * 1000,
            redrive=redrive_of(values.get("RedrivePolicy")),
            access=Access(own_arn, scope.account, values.get("Policy")),
            key=values.get("KmsMasterKeyId", ""),
        )


def redrive_of(policy: str | None) -> Redrive | None:
    if not policy:
        return None
    value: dict[str, Any] = orjson.loads(policy)
    return Redrive(value["deadLetterTargetArn"], int(value["maxReceiveCount"]))


def queue_arn(scope: Scope, name: str) -> str:
    return arn("sqs", scope.region, scope.account, name)


@lru_cache(10_000)
def queue_address(text: str) -> tuple[Scope, str] | None:
    """Account, region and name of the queue that an ARN names."""
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return None
    if parsed.service != "sqs" or "/" in parsed.resource or not parsed.resource:
        return None
    return Scope(parsed.account, parsed.region), parsed.resource


def url_path(scope: Scope, name: str) -> str:
    return f"/{scope.account}/{name}"
