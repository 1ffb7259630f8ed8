"""Sends messages: SendMessage and SendMessageBatch answer after the messages are on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import is_trace_header
from nightbus.delivery.trace_log import sent
from nightbus.messaging.queue import SEND, Queue
from nightbus.messaging.queue_writes import Accepted, Incoming
from nightbus.services.context import Context
from nightbus.services.sqs.batches import check_entries, failed_entry, outcome
from nightbus.services.sqs.content import (
    check_text,
    md5_of_attributes,
    md5_of_body,
    message_size,
    request_size,
    stored_attributes,
)
from nightbus.services.sqs.errors import invalid_parameter, invalid_value, missing_parameter
from nightbus.services.sqs.queue_addresses import find_queue

_LARGEST_BATCH = 1_048_576
_LONGEST_DELAY = 900
_TRACE = "AWSTraceHeader"
_ID = re.compile(r"[!-~]{1,128}")
_NO_DEDUPLICATION = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
    " explicitly"
)


async def send_message(
    ctx: Context,
    *,
    queue_url: str,
    message_body: str,
    delay_seconds: int | None = None,
    message_attributes: dict[str, dict[str, Any]] | None = None,
    message_system_attributes: dict[str, dict[str, Any]] | None = None,
    message_deduplication_id: str | None = None,
    message_group_id: str | None = None,
) -> dict[str, Any]:
    queue = await find_queue(ctx, queue_url, SEND)
    entry = {
        "MessageBody": message_body,
        "DelaySeconds": delay_seconds,
        "MessageAttributes": message_attributes,
        "MessageSystemAttributes": message_system_attributes,
        "MessageDeduplicationId": message_deduplication_id,
        "MessageGroupId": message_group_id,
    }
    incoming, now = incoming_of(queue, entry, ctx.call.trace), ctx.now_ms()
    writes = ctx.platform.queues.writes()
    accepted = await ctx.platform.queues.add(writes, queue, incoming, _sender(ctx), now)
    trace_entries = sent(ctx.call, queue.arn, [accepted.message_id], now)
    await writes.commit(*trace_entries)
    return _answer(entry, incoming, accepted.message_id, writes.sequence(accepted))


async def send_message_batch(
    ctx: Context, *, queue_url: str, entries: list[dict[str, Any]]
) -> dict[str, Any]:
    queue = await find_queue(ctx, queue_url, SEND)
    check_entries(entries, "SendMessageBatchRequestEntry")
    _check_fifo(queue, entries)
    total = sum(request_size(entry["MessageBody"], entry.get("MessageAttributes") or {}) for entry in entries)
    if total > _LARGEST_BATCH:
        text = f"Batch requests cannot be longer than {_LARGEST_BATCH} bytes. You have sent {total} bytes."
        raise AwsError("BatchRequestTooLong", text)
    writes, now, sender = ctx.platform.queues.writes(), ctx.now_ms(), _sender(ctx)
    accepted_entries: list[tuple[dict[str, Any], Incoming, Accepted]] = []
    failed: list[dict[str, Any]] = []
    try:
        for entry in entries:
            try:
                incoming = incoming_of(queue, entry, ctx.call.trace)
            except AwsError as error:
                failed.append(failed_entry(entry, error))
                continue
            accepted = await ctx.platform.queues.add(writes, queue, incoming, sender, now)
            accepted_entries.append((entry, incoming, accepted))
    except BaseException:
        writes.settle(committed=False)
        raise
    ids = [accepted.message_id for _, _, accepted in accepted_entries]
    await writes.commit(*sent(ctx.call, queue.arn, ids, now))
    successful = [
        {"Id": entry["Id"], **_answer(entry, incoming, accepted.message_id, writes.sequence(accepted))}
        for entry, incoming, accepted in accepted_entries
    ]
    return outcome(successful, failed)


def _check_fifo(queue: Queue, entries: list[dict[str, Any]]) -> None:
    """Raise AwsError if an entry lacks a member that a FIFO queue requires; the whole batch fails, as on AWS."""
    for entry in entries if queue.fifo else ():
        if entry.get("MessageGroupId") is None:
            raise invalid_parameter("The request must contain the parameter MessageGroupId.")
        if entry.get("MessageDeduplicationId") is None and not queue.content_based:
            raise invalid_parameter(_NO_DEDUPLICATION)


def _sender(ctx: Context) -> str:
    return ctx.caller.user_id or ctx.account


def incoming_of(queue: Queue, entry: Mapping[str, Any], trace: str = "") -> Incoming:
    """Return the message of an entry. Raises AwsError if the queue does not accept it.

    `trace` is the X-Ray header of the request; the entry's own takes precedence.
    """
    body = entry["MessageBody"]
    if not body:
        raise missing_parameter("MessageBody")
    check_text(body)
    attributes = stored_attributes(entry.get("MessageAttributes") or {})
    if message_size(body, attributes) > queue.largest:
        raise invalid_parameter(
            f"One or more parameters are invalid. Reason: Message must be shorter than {queue.largest} bytes."
        )
    return Incoming(
        body,
        attributes,
        group=_group(queue, entry.get("MessageGroupId")),
        deduplication=_deduplication(queue, entry.get("MessageDeduplicationId")),
        delay_ms=_delay(queue, entry.get("DelaySeconds")),
        trace=_trace(entry.get("MessageSystemAttributes") or {}) or trace,
    )


def _group(queue: Queue, group: str | None) -> str:
    if group is None:
        if queue.fifo:
            raise missing_parameter("MessageGroupId")
        return ""
    return _checked_id("MessageGroupId", group)


def _deduplication(queue: Queue, requested: str | None) -> str:
    if requested is not None:
        if not queue.fifo:
            reason = "The request includes a parameter that is not valid for this queue type."
            raise invalid_value(requested, "MessageDeduplicationId", reason)
        return _checked_id("MessageDeduplicationId", requested)
    if queue.fifo and not queue.content_based:
        raise invalid_parameter(_NO_DEDUPLICATION)
    return ""


def _checked_id(parameter: str, value: str) -> str:
    if not _ID.fullmatch(value):
        reason = f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise invalid_value(value, parameter, reason)
    return value


def _delay(queue: Queue, seconds: int | None) -> int | None:
    if seconds is None:
        return None
    if not 0 <= seconds <= _LONGEST_DELAY:
        reason = f"DelaySeconds must be >= 0 and <= {_LONGEST_DELAY}."
        raise invalid_value(seconds, "DelaySeconds", reason)
    if queue.fifo and seconds:
        reason = "The request include parameter that is not valid for this queue type."
        raise invalid_value(seconds, "DelaySeconds", reason)
    return None if queue.fifo else seconds * 1000


def _trace(system: Mapping[str, Mapping[str, Any]]) -> str:
    for name in system:
        if name != _TRACE:
            raise invalid_parameter(f"Message system attribute name '{name}' is invalid.")
    value = system.get(_TRACE)
    if value is None:
        return ""
    if value.get("DataType") != "String" or not value.get("StringValue"):
        raise invalid_parameter(f"The message system attribute '{_TRACE}' must be a non-empty String.")
    if not is_trace_header(value["StringValue"]):
        raise invalid_parameter(
            f"The value of message system attribute '{_TRACE}' is not an X-Ray trace header."
        )
    return str(value["StringValue"])


def _answer(entry: Mapping[str, Any], incoming: Incoming, message_id: str, sequence: str) -> dict[str, Any]:
    return {
        "MessageId": message_id,
        "MD5OfMessageBody": md5_of_body(incoming.body),
        "MD5OfMessageAttributes": md5_of_attributes(incoming.attributes),
        "MD5OfMessageSystemAttributes": md5_of_attributes(entry.get("MessageSystemAttributes") or {}),
        "SequenceNumber": sequence or None,
    }
