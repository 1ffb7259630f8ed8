"""Shows the messages of a queue without receiving them, and sends messages: `/queues/{name}/messages`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.queues import find_queue, queue_url
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Page
from nightbus.console.dead_letters.consumers import consumer_failure
from nightbus.console.dead_letters.notifications import undelivered_in
from nightbus.console.dead_letters.reasons import QUEUE, TOPIC, Reason, event_in, reason_of
from nightbus.messaging.message import Message, decode
from nightbus.messaging.queue import Queue
from nightbus.store.interface import QueuedItem, Store

_LONGEST_SHOWN = 64 * 1024  # characters of a body in a list
LARGEST_ID = 2**63 - 1
MessageId = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$", description="`id` of a message.")]


class Attribute(Answer, frozen=True):
    """A message attribute; a binary value in base64."""

    type: str
    value: str


class Failure(Answer, frozen=True):
    """Why a message is a dead letter. `by`: rule, function, queue or topic; `source` its ARN, `target` that of the
    rule's target, or the address of the topic's subscriber. `request_id` is the invocation's that failed, `attempts` 0
    where it is not known."""

    by: str
    source: str
    target: str
    code: str
    message: str
    attempts: int
    condition: str
    request_id: str


class MessageInfo(Answer, frozen=True):
    """`id` names the message in this API, `message_id` is SQS's. `state`: visible, in flight (until `until`) or delayed
    (until `due`). `cut`: the body is longer than what is shown. `event_id`: of the event that the message carries."""

    id: str
    message_id: str
    state: str
    body: str
    cut: bool
    size: int
    sent: int
    due: int
    until: int
    receives: int
    first_received: int
    sender: str
    group: str
    deduplication: str
    sequence: str
    trace: str
    attributes: dict[str, Attribute]
    event_id: str
    failure: Failure | None


class Messages(Answer, frozen=True):
    messages: list[MessageInfo]
    next: str | None


class MessageQuery(Page, frozen=True):
    """`order`: newest first, or oldest first, by when messages become visible."""

    order: Literal["newest", "oldest"] = "newest"


class AttributeBody(Body, frozen=True):
    type: str
    value: str


class SendBody(Body, frozen=True):
    """What SendMessage takes. `delay` is in seconds; by default the queue's own."""

    body: str
    attributes: dict[str, AttributeBody] = msgspec.field(default_factory=dict)
    group: str = ""
    deduplication: str = ""
    delay: int | None = None


class Sent(Answer, frozen=True):
    message_id: str
    sequence: str


async def list_messages(request: ApiRequest, name: str, query: MessageQuery) -> Messages:
    """Show messages of a queue without receiving them: nothing changes, no receive is counted.

    Of a dead letter, `failure` says who gave it up, and why.
    """
    queue = await find_queue(request, name)
    backwards = query.order == "newest"
    found = await request.store.peek(
        queue.scope, queue.queue, query.limit + 1, beyond=position_of(query.next), backwards=backwards
    )
    shown = [await _message(request, queue, one, _LONGEST_SHOWN) for one in found[: query.limit]]
    last = found[query.limit - 1] if len(found) > query.limit else None
    return Messages(messages=shown, next=f"{last.due}-{last.id}" if last else None)


async def read_message(request: ApiRequest, name: str, id: str) -> MessageInfo:
    """Show one message, with the whole body."""
    queue = await find_queue(request, name)
    found = await request.store.peek(queue.scope, queue.queue, 1, items=ids_of([id]))
    if not found:
        raise AwsError("ResourceNotFoundException", f"The message {id[:40]} is not in the queue.", 404)
    return await _message(request, queue, found[0], None)


async def send_message(request: ApiRequest, name: str, body: SendBody) -> Sent:
    """Send a message to a queue."""
    attributes = {
        key: {"DataType": one.type, "StringValue": one.value} for key, one in body.attributes.items()
    }
    params: dict[str, Any] = {
        "QueueUrl": queue_url(request, name),
        "MessageBody": body.body,
        "MessageAttributes": attributes or None,
        "MessageGroupId": body.group or None,
        "MessageDeduplicationId": body.deduplication or None,
        "DelaySeconds": body.delay,
    }
    given = {key: value for key, value in params.items() if value is not None}
    reply = await request.change("sqs", "SendMessage", **given)
    return Sent(message_id=reply["MessageId"], sequence=reply.get("SequenceNumber") or "")


def ids_of(texts: list[str]) -> list[int]:
    ids = [int(text) for text in texts if text.isdecimal() and len(text) < 20]
    return [one for one in ids if one <= LARGEST_ID]


def position_of(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    due, _, item = text.rpartition("-")
    try:
        position = int(due), int(item)
    except ValueError:
        position = -1, -1
    if not all(-1 < one <= LARGEST_ID for one in position):
        raise AwsError("ValidationException", "`next` is not what the answer before had.")
    return position


async def _message(request: ApiRequest, queue: Queue, item: QueuedItem, longest: int | None) -> MessageInfo:
    message, now = decode(item.data), request.now_ms()
    state = "in flight" if item.leased_until else "delayed" if item.due > now else "visible"
    reason = reason_of(message)
    return MessageInfo(
        id=str(item.id),
        message_id=message.id,
        state=state,
        body=message.body[:longest],
        cut=longest is not None and len(message.body) > longest,
        size=len(message.body.encode()),
        sent=message.sent,
        due=item.due,
        until=item.leased_until,
        receives=message.received + item.attempts,
        first_received=item.first,
        sender=message.sender,
        group=message.group,
        deduplication=message.deduplication,
        sequence=message.sequence,
        trace=message.trace,
        attributes={name: _attribute(value) for name, value in message.attributes.items()},
        event_id=reason.event_id if reason is not None else event_in(message.body),
        failure=await _failure(request.store, queue, message, reason),
    )


def _attribute(value: Any) -> Attribute:
    text = value.get("StringValue")
    return Attribute(
        type=value.get("DataType", ""), value=value.get("BinaryValue", "") if text is None else text
    )


async def _failure(store: Store, queue: Queue, message: Message, reason: Reason | None) -> Failure | None:
    if reason is None:
        undelivered = await undelivered_in(store, queue, message)
        if undelivered is None:
            return None
        reason = Reason(TOPIC, undelivered.notification.topic_arn, target=undelivered.subscription.endpoint)
    code, text, target, request_id = reason.code, reason.message, reason.target, reason.request_id
    if reason.by == QUEUE:
        consumer = await consumer_failure(store, message)
        if consumer is not None:
            code, text, target, request_id = consumer
    return Failure(
        by=reason.by,
        source=reason.source,
        target=target,
        code=code,
        message=text,
        attempts=reason.attempts,
        condition=reason.condition,
        request_id=request_id,
    )


ROUTES: Routes = {
    "GET /queues/{name}/messages": list_messages,
    "GET /queues/{name}/messages/{id}": read_message,
    "POST /queues/{name}/messages": send_message,
}
