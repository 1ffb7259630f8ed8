"""Answers ReceiveMessage with the visible messages, or those that become visible within its wait time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.messaging.message import Message
from nightbus.messaging.queue import RECEIVE, Queue
from nightbus.messaging.receipts import Receipt, write_receipt
from nightbus.messaging.receive_attempts import Received
from nightbus.services.context import Context
from nightbus.services.sqs.content import binary, md5_of_attributes, md5_of_body
from nightbus.services.sqs.errors import invalid_value, outside_range, unknown_attribute
from nightbus.services.sqs.queue_addresses import find_queue, require_keys_of

_MOST_MESSAGES = 10
_LONGEST_WAIT = 20
_LONGEST_VISIBILITY = 43_200
_LOOK_SECONDS = 1.0
_TOO_MANY = (  # as AWS says it: https://github.com/Cbsoftware/pressureNET-server/issues/74
    "Too many messages have been received without being deleted. "
    "Please delete your received messages or let them timeout before receiving more."
)
_ATTEMPT_ID = re.compile(r"[!-~]{1,128}")
_ALL = frozenset({"All", "*", ".*"})
SYSTEM_ATTRIBUTES = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)


async def receive_message(
    ctx: Context,
    *,
    queue_url: str,
    attribute_names: list[str] | None = None,
    message_system_attribute_names: list[str] | None = None,
    message_attribute_names: list[str] | None = None,
    max_number_of_messages: int = 1,
    visibility_timeout: int | None = None,
    wait_time_seconds: int | None = None,
    receive_request_attempt_id: str | None = None,
) -> dict[str, Any]:
    queue = await find_queue(ctx, queue_url, RECEIVE)
    _check(queue, max_number_of_messages, visibility_timeout, wait_time_seconds, receive_request_attempt_id)
    system_names = _system_names([*(attribute_names or ()), *(message_system_attribute_names or ())])
    visibility = queue.visibility_ms if visibility_timeout is None else visibility_timeout * 1000
    wait = float(queue.wait_seconds if wait_time_seconds is None else wait_time_seconds)
    if ctx.platform.quotas:
        wait = await _until_room(ctx, queue, wait)
        if wait < 0:
            return {}
    received = await ctx.platform.queues.receive(
        queue, max_number_of_messages, visibility, wait, receive_request_attempt_id
    )
    if not received and await ctx.platform.queues.find(queue.scope, queue.name) is None:
        raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    await require_keys_of(ctx, queue, (one.message for one in received))
    now = ctx.now_ms()
    received = await ctx.platform.topics.signer.sign_received(received)
    messages = [
        _message_reply(queue, one, now, system_names, message_attribute_names or ()) for one in received
    ]
    return {"Messages": messages or None}


async def _until_room(ctx: Context, queue: Queue, wait: float) -> float:
    """Wait until fewer messages are in flight than may be. Returns what is left of `wait`, less than 0 for nothing.

    With short polling of a standard queue AWS answers with an error, else with no messages:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html and quotas-fifo.html.
    Raises AwsError.
    """
    clock, in_flight = ctx.platform.clock, ctx.platform.queues.in_flight
    deadline = clock.monotonic() + wait
    while not await in_flight.has_room(queue):
        if not wait and not queue.fifo:
            raise AwsError("OverLimit", _TOO_MANY, 403)
        rest = deadline - clock.monotonic()
        if rest <= 0:
            return -1.0
        await clock.pause(min(_LOOK_SECONDS, rest))
    return max(0.0, deadline - clock.monotonic())


def _check(
    queue: Queue, limit: int, visibility: int | None, wait: int | None, attempt_id: str | None
) -> None:
    if not 1 <= limit <= _MOST_MESSAGES:
        raise invalid_value(limit, "MaxNumberOfMessages", "Must be between 1 and 10, if provided.")
    if wait is not None and not 0 <= wait <= _LONGEST_WAIT:
        raise outside_range(wait, "WaitTimeSeconds", 0, _LONGEST_WAIT)
    if visibility is not None and not 0 <= visibility <= _LONGEST_VISIBILITY:
        raise outside_range(visibility, "VisibilityTimeout", 0, _LONGEST_VISIBILITY)
    if attempt_id is not None and (not queue.fifo or not _ATTEMPT_ID.fullmatch(attempt_id)):
        reason = (
            "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in length."
            if queue.fifo
            else "The request include parameter that is not valid for this queue type."
        )
        raise invalid_value(attempt_id, "ReceiveRequestAttemptId", reason)


def _system_names(names: Sequence[str]) -> frozenset[str]:
    for name in names:
        if name not in SYSTEM_ATTRIBUTES and name not in ("All", "SqsManagedSseEnabled"):
            raise unknown_attribute(name)
    return frozenset(SYSTEM_ATTRIBUTES if "All" in names else names)


def _message_reply(
    queue: Queue, received: Received, now: int, system_names: frozenset[str], names: Sequence[str]
) -> dict[str, Any]:
    message = received.message
    receipt = Receipt(received.item.id, received.item.token, now)
    reply: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": write_receipt(queue.queue, receipt),
        "MD5OfBody": md5_of_body(message.body),
        "Body": message.body,
    }
    if system_names:
        system_attributes = _system_attributes(queue, received)
        reply["Attributes"] = {
            name: value for name, value in system_attributes.items() if name in system_names
        }
    attributes = _selected(message, names)
    if attributes:
        reply["MD5OfMessageAttributes"] = md5_of_attributes(attributes)
        reply["MessageAttributes"] = {name: _decoded(value) for name, value in attributes.items()}
    return reply


def _system_attributes(queue: Queue, received: Received) -> dict[str, str]:
    message = received.message
    attributes = {
        "SenderId": message.sender,
        "SentTimestamp": str(message.sent),
        "ApproximateReceiveCount": str(received.receives),
        "ApproximateFirstReceiveTimestamp": str(received.first),
        "SequenceNumber": message.sequence,
        "MessageDeduplicationId": message.deduplication,
        "MessageGroupId": message.group,
        "AWSTraceHeader": message.trace,
        "DeadLetterQueueSourceArn": message.source,
    }
    return {name: value for name, value in attributes.items() if value}


def _selected(message: Message, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
    if not names or not message.attributes:
        return {}
    if not _ALL.isdisjoint(names):
        return message.attributes
    prefixes = tuple(name.removesuffix(".*") for name in names if name.endswith(".*"))
    return {
        name: value
        for name, value in message.attributes.items()
        if name in names or (prefixes and name.startswith(prefixes))
    }


def _decoded(value: Mapping[str, str]) -> dict[str, Any]:
    content = binary(value)
    return dict(value) if content is None else {"DataType": value["DataType"], "BinaryValue": content}
