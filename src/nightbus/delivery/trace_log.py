"""Notes in logs what led to what, findable by an invocation's segment or by a message's id.

Only what was done with a trace header is noted, which boto3 sends from within a function by itself: events put,
messages sent, functions invoked. And invocations that a rule, a queue or a topic asked for. Nothing here is needed to
deliver anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Call, Scope
from nightbus.aws.trace_header import parent_in, segment_of
from nightbus.delivery.interface import Batch, Matched
from nightbus.delivery.jobs import Delivered
from nightbus.delivery.rule_origin import RuleJob
from nightbus.store.interface import SYSTEM, Append, Store

PUBLISHED = "trace/published"  # by the segment of the invocation that published
INVOKED = "trace/invoked"  # by the segment of the invocation: the delivery that asked for it
CARRIED = "trace/carried"  # by a message's id: the invocation that got it
BROUGHT = "trace/brought"  # by the segment of that invocation: what it got
RAN = "trace/ran"  # by the segment of the invocation: each time that it ran
SENT = "trace/sent"  # by the segment of the invocation that sent: messages, or invocations of other functions
SENDER = "trace/sender"  # by the id of such a message or invocation: who sent it
REFUSED = "trace/refused"  # by the segment of the invocation whose request was refused
LOGS = (PUBLISHED, INVOKED, CARRIED, BROUGHT, RAN, SENT, SENDER, REFUSED)
_MOST = 200
_REFUSED_MEMBERS = ("request_id", "action", "resource")


@dataclass(frozen=True, slots=True)
class Publication:
    """Events that were put by one call at `time`. `by` is the ARN of the publisher, `segment` the invocation that
    called."""

    time: int
    scope: Scope
    bus: str
    ids: tuple[str, ...]
    by: str
    segment: str


@dataclass(frozen=True, slots=True)
class SentEvent:
    """What somebody sent to the queue, topic or function `to`, an ARN: messages or a request, by `ids`."""

    time: int
    to: str
    ids: tuple[str, ...]
    by: str
    segment: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The delivery that asked for an invocation, or that made a message or an event on another bus."""

    scope: Scope
    bus: str
    event_id: str
    time: int  # UTC ms at which the bus accepted the event
    rule: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A message that was brought to a function with others. `source` is the ARN of its queue or topic."""

    function: str
    request_id: str
    source: str
    message_id: str
    together: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What an invocation got: messages by their ids, each with the UTC ms at which it was sent."""

    function: str
    request_id: str
    source: str
    messages: tuple[tuple[str, int], ...]


def published(batch: Batch) -> Append | None:
    """None where nobody will look for it."""
    segment = parent_in(batch.trace) if batch.trace else ""
    if not segment or batch.forwarded:
        return None
    ids = [event.id for event in batch.events]
    data = orjson.dumps([*batch.scope, batch.bus, ids, batch.publisher])
    return Append(SYSTEM, PUBLISHED, batch.time, data, segment)


def sent(call: Call, to: str, ids: Sequence[str], now: int) -> list[Append]:
    """Nothing where nobody will look for it, as when a service sends on what a function began."""
    segment, by = parent_in(call.trace) if call.trace else "", call.caller
    if not segment or not ids or by.service or by.source_arn:
        return []
    noted = orjson.dumps([to, ids, by.arn])
    return [
        Append(SYSTEM, SENT, now, noted, segment),
        *(Append(SYSTEM, SENDER, now, orjson.dumps([to, by.arn, segment]), one) for one in ids),
    ]


def refused(call: Call, action: str, resource: str, now: int) -> list[Append]:
    """Nothing where the request did not come from within an invocation."""
    segment = parent_in(call.trace) if call.trace else ""
    data = orjson.dumps([call.request_id, action, resource])
    return [Append(SYSTEM, REFUSED, now, data, segment)] if segment else []


def invoked(matched: Matched, request_id: str) -> Append:
    """The event's own commit asked for the invocation."""
    return _invoked(matched.scope, matched.bus, matched.event_id, matched.time, matched.rule, request_id)


def invoked_later(job: RuleJob, outcome: Delivered, now: int) -> Append:
    """A queued job asked for the invocation, at `now`."""
    origin = job.origin
    entry = _invoked(origin.scope, origin.bus, origin.event_id, job.accepted, origin.rule, outcome.request_id)
    return entry._replace(time=now)


def _invoked(scope: Scope, bus: str, event_id: str, time: int, rule: str, request_id: str) -> Append:
    data = orjson.dumps([*scope, bus, event_id, time, rule])
    return Append(SYSTEM, INVOKED, time, data, segment_of(request_id))


def brought(
    function: str, request_id: str, source: str, messages: Mapping[str, tuple[str, int]], now: int
) -> list[Append]:
    """`messages`: what each is looked for by → its id and when it was sent."""
    carried = [
        Append(SYSTEM, CARRIED, now, orjson.dumps([function, request_id, source, one, len(messages)]), key)
        for key, (one, _) in messages.items()
    ]
    data = orjson.dumps([function, request_id, source, [[key, sent] for key, (_, sent) in messages.items()]])
    return [*carried, Append(SYSTEM, BROUGHT, now, data, segment_of(request_id))]


def ran(function: str, request_id: str, began: int, now: int, outcome: Mapping[str, Any]) -> Append:
    """`outcome` is what `nightbus trace` says of it (docs/explaining.md, RUN); `pending` in it names the destinations
    whose answers `record_sent` notes later."""
    data = orjson.dumps({"function": function, "request_id": request_id, "began": began, **outcome})
    return Append(SYSTEM, RAN, now, data, segment_of(request_id))


def record_sent(request_id: str, now: int, note: Mapping[str, Any]) -> Append:
    """What became of the records of an asynchronous invocation that ended: `sent_to` or `not_sent`, beside `ran`."""
    return Append(SYSTEM, RAN, now, orjson.dumps(note), segment_of(request_id))


async def published_in(store: Store, segment: str) -> list[Publication]:
    """By the invocation with this segment, in order."""
    entries = await store.read(SYSTEM, PUBLISHED, key=segment, limit=_MOST)
    return [_publication(entry.time, entry.key, entry.data) for entry in entries]


async def sent_in(store: Store, segment: str) -> list[SentEvent]:
    """By the invocation with this segment, in order."""
    sent = []
    for entry in await store.read(SYSTEM, SENT, key=segment, limit=_MOST):
        to, ids, by = orjson.loads(entry.data)
        sent.append(SentEvent(entry.time, to, tuple(ids), by, segment))
    return sent


async def sender_of(store: Store, name: str) -> SentEvent | None:
    """Who sent the message, or asked for the invocation, of that id."""
    for entry in await store.read(SYSTEM, SENDER, key=name, limit=1):
        to, by, segment = orjson.loads(entry.data)
        return SentEvent(entry.time, to, (name,), by, segment)
    return None


async def publication_of(store: Store, event_id: str, time: int) -> Publication | None:
    """How the event that was accepted at `time` was published, where that is known."""
    for entry in await store.read(SYSTEM, PUBLISHED, since=time, until=time + 1, limit=100_000):
        if event_id.encode() in entry.data:
            return _publication(entry.time, entry.key, entry.data)
    return None


async def origin_of(store: Store, segment: str) -> Origin | None:
    for entry in await store.read(SYSTEM, INVOKED, key=segment, limit=1):
        account, region, bus, event_id, time, rule = orjson.loads(entry.data)
        return Origin(Scope(account, region), bus, event_id, time, rule)
    return None


async def refused_in(store: Store, segment: str) -> list[dict[str, Any]]:
    """The requests of the invocation that were refused, in order."""
    return [
        {"time": entry.time, **dict(zip(_REFUSED_MEMBERS, orjson.loads(entry.data), strict=True))}
        for entry in await store.read(SYSTEM, REFUSED, key=segment, limit=_MOST)
    ]


async def carried_of(store: Store, message_id: str) -> list[Carried]:
    """The invocations that got the message, in order: one for each time that it was received, or subscribed to."""
    entries = await store.read(SYSTEM, CARRIED, key=message_id, limit=_MOST)
    return [Carried(*orjson.loads(entry.data)) for entry in entries]


async def brought_to(store: Store, segment: str) -> Brought | None:
    for entry in await store.read(SYSTEM, BROUGHT, key=segment, limit=1):
        function, request_id, source, messages = orjson.loads(entry.data)
        return Brought(function, request_id, source, tuple((one, sent) for one, sent in messages))
    return None


async def recorded_runs(store: Store, segment: str) -> Sequence[dict[str, Any]]:
    """As `ran` was told, with the `time` of the end, in order; what `record_sent` says is with the run before it."""
    runs: list[dict[str, Any]] = []
    for entry in await store.read(SYSTEM, RAN, key=segment, limit=_MOST):
        note = orjson.loads(entry.data)
        if "began" in note:
            runs.append({**note, "time": entry.time})
        elif runs:
            _add_record_sent(runs[-1], note)
    return runs


def _add_record_sent(run: dict[str, Any], note: Mapping[str, Any]) -> None:
    """What `record_sent` noted of one destination is no longer pending."""
    for name, values in note.items():
        run[name] = [*run.get(name, ()), *values]
    answered = {*run.get("sent_to", ()), *(one["to"] for one in run.get("not_sent", ()))}
    pending = [arn for arn in run.pop("pending", ()) if arn not in answered]
    if pending:
        run["pending"] = pending


def _publication(time: int, segment: str, data: bytes) -> Publication:
    account, region, bus, ids, by = orjson.loads(data)
    return Publication(time, Scope(account, region), bus, tuple(ids), by, segment)
