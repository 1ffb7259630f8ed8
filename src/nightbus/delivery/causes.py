"""Who published an event, and which events did an invocation publish? Two logs of the node, by invocations' segments.

Only events that were put with a trace header are noted, which boto3 sends from within a function by itself, and
invocations that a rule asked for; besides, which messages of queues and topics functions got.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import parent_in, segment_of
from nightbus.delivery.interface import Batch, Delivered, Delivery
from nightbus.store.interface import SYSTEM, Append, Store

PUBLISHED = "trace/published"  # by the segment of the invocation that published
INVOKED = "trace/invoked"  # by the segment of the invocation
CONSUMED = "trace/consumed"  # by the id of the message of a queue or topic that a function got
_MOST = 100


@dataclass(frozen=True, slots=True)
class Publication:
    """Events that somebody put together. `by` is his ARN, `segment` the invocation in which he did."""

    scope: Scope
    bus: str
    ids: tuple[str, ...]
    by: str
    segment: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The delivery that asked for an invocation."""

    scope: Scope
    bus: str
    event_id: str
    time: int  # UTC ms at which the bus accepted the event
    rule: str


def published(batch: Batch) -> Append | None:
    """None where nobody will look for it."""
    segment = parent_in(batch.trace) if batch.trace else ""
    if not segment or batch.forwarded:
        return None
    ids = [event.id for event in batch.events]
    data = orjson.dumps([*batch.scope, batch.bus, ids, batch.publisher])
    return Append(SYSTEM, PUBLISHED, batch.time, data, segment)


def invoked(delivery: Delivery, outcome: Delivered, now: int) -> Append:
    data = orjson.dumps(
        [*delivery.scope, delivery.bus, delivery.event_id, delivery.event_time, delivery.rule]
    )
    return Append(SYSTEM, INVOKED, now, data, segment_of(outcome.request_id))


def consumed(message_ids: Iterable[str], function_arn: str, request_id: str, now: int) -> list[Append]:
    data = orjson.dumps([function_arn, segment_of(request_id)])
    return [Append(SYSTEM, CONSUMED, now, data, message_id) for message_id in message_ids]


async def consumers_of(store: Store, message_id: str) -> list[tuple[str, str]]:
    """The functions that got the message, and the segments of their invocations, in order."""
    entries = await store.read(SYSTEM, CONSUMED, key=message_id, limit=_MOST)
    return [(function, segment) for function, segment in (orjson.loads(entry.data) for entry in entries)]


async def published_in(store: Store, segment: str) -> list[Publication]:
    """By the invocation with this segment, in order."""
    entries = await store.read(SYSTEM, PUBLISHED, key=segment, limit=_MOST)
    return [_publication(entry.key, entry.data) for entry in entries]


async def publication_of(store: Store, event_id: str, time: int) -> Publication | None:
    """How the event that was accepted at `time` was published, where that is known."""
    for entry in await store.read(SYSTEM, PUBLISHED, since=time, until=time + 1):
        if event_id.encode() in entry.data:
            return _publication(entry.key, entry.data)
    return None


async def origin_of(store: Store, segment: str) -> Origin | None:
    for entry in await store.read(SYSTEM, INVOKED, key=segment, limit=1):
        account, region, bus, event_id, time, rule = orjson.loads(entry.data)
        return Origin(Scope(account, region), bus, event_id, time, rule)
    return None


def _publication(segment: str, data: bytes) -> Publication:
    account, region, bus, ids, by = orjson.loads(data)
    return Publication(Scope(account, region), bus, tuple(ids), by, segment)
