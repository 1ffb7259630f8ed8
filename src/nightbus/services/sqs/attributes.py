"""Gets and sets a queue's attributes, including those that are computed from its messages."""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.queue import Queue, queue_arn
from nightbus.services.context import Context
from nightbus.services.sqs.errors import unknown_attribute
from nightbus.services.sqs.policy_principals import check_principals
from nightbus.services.sqs.queue_addresses import queue_record, shared_record
from nightbus.services.sqs.queues import defaults_of
from nightbus.services.sqs.records import change_record
from nightbus.services.sqs.redrive import check_redrive
from nightbus.services.sqs.values import changed_attributes
from nightbus.store.interface import Record

_SETTABLE = frozenset(
    {
        "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "Policy",
        "ReceiveMessageWaitTimeSeconds", "VisibilityTimeout", "RedrivePolicy", "RedriveAllowPolicy",
        "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled", "FifoQueue",
        "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit",
    }
)  # fmt: skip
_COMPUTED = frozenset(
    {
        "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
    }
)  # fmt: skip


async def get_queue_attributes(
    ctx: Context, *, queue_url: str, attribute_names: list[str] | None = None
) -> dict[str, Any]:
    scope, record = await shared_record(ctx, queue_url, "sqs:getqueueattributes")
    names = attribute_names or []
    for name in names:
        if name != "All" and name not in _SETTABLE | _COMPUTED:
            raise unknown_attribute(name)
    if not names:
        return {}
    attributes = {
        **defaults_of(record.key),
        **record.value["attributes"],
        **await _computed(ctx, scope, record),
    }
    if attributes.get("KmsMasterKeyId"):
        attributes["SqsManagedSseEnabled"] = "false"
    selected = (
        attributes if "All" in names else {name: attributes[name] for name in names if name in attributes}
    )
    return {"Attributes": selected}


async def _computed(ctx: Context, scope: Scope, record: Record) -> dict[str, str]:
    counts = await ctx.platform.queues.count(Queue.of(scope, record))
    return {
        "QueueArn": queue_arn(scope, record.key),
        "CreatedTimestamp": str(record.value["created"]),
        "LastModifiedTimestamp": str(record.value["modified"]),
        "ApproximateNumberOfMessages": str(counts.free),
        "ApproximateNumberOfMessagesNotVisible": str(counts.leased),
        "ApproximateNumberOfMessagesDelayed": str(counts.delayed),
    }


async def set_queue_attributes(ctx: Context, *, queue_url: str, attributes: dict[str, str]) -> None:
    scope, record = await queue_record(ctx, queue_url, "sqs:setqueueattributes")
    for name in attributes:
        if name not in _SETTABLE:
            raise unknown_attribute(name)
    policy = changed_attributes(record.key, record.value["attributes"], attributes).get("RedrivePolicy")
    principals = await check_principals(ctx, scope, attributes.get("Policy"))
    if policy is not None and "RedrivePolicy" in attributes:
        await check_redrive(ctx, scope, record.key, policy)

    def changed(record: Record) -> dict[str, Any]:
        values = changed_attributes(record.key, record.value["attributes"], attributes)
        return {**record.value, "attributes": values, "modified": ctx.now_ms() // 1000}

    await change_record(ctx, queue_url, "sqs:setqueueattributes", changed, *principals)
