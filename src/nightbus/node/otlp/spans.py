"""Makes spans of notes: which trace they belong to, which span is above which.

    PutEvents            of each event; below the invocation that put it
      rule NAME          of each rule that matched
        deliver TARGET   of each attempt; below it, on another bus, PutEvents of the same event
          FUNCTION       the invocation; below it PutEvents of the events that the function put

The trace's id is that of the X-Ray header: `1-5759e988-bd86…` is 5759e988bd86…, as the X-Ray propagator of
OpenTelemetry has it, so a function that is instrumented writes into the same trace. The id of an invocation's span is
its X-Ray segment, which is what the header names as the parent. All other ids are hashes of what they are of.

What a message or an invocation came from is known by its id, for the last 100,000 of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from nightbus.aws.arn import last_part
from nightbus.aws.trace_header import parent_in, segment_of, trace_id_of
from nightbus.bounded import Bounded
from nightbus.bus.json_text import read_json
from nightbus.span_notes import AttemptNote, BroughtNote, EventNote, InvocationNote, Note

_MOST_SOURCES = 100_000
_MOST_RUNS = 10_000
Kind = Literal["internal", "producer", "consumer", "client"]


Attributes = dict[str, str | int | float | bool]


class SpanName(NamedTuple):
    """A span by the ids of its trace and its own."""

    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class Span:
    """`began` and `ended` are UTC ms. `error` is "" for what went well."""

    name: str
    own: SpanName
    parent: int | None
    kind: Kind
    began: int
    ended: int
    attributes: Attributes
    error: str = ""
    links: list[SpanName] = field(default_factory=list)


class SpanMaker:
    """Remembers what led to what, from one note to the next."""

    def __init__(self) -> None:
        # By the id of an event, a message or an invocation: the span that brought it about.
        self._sources: Bounded[str, SpanName] = Bounded(_MOST_SOURCES)
        self._runs: Bounded[str, SpanName] = Bounded(_MOST_RUNS)  # the first run of an invocation
        self._brought: Bounded[str, tuple[str, ...]] = Bounded(_MOST_RUNS)  # to an invocation that runs

    def spans(self, note: Note) -> Iterator[Span]:
        """What cannot be put into a trace, since its header has no root, has no span."""
        if isinstance(note, EventNote):
            return self._of_event(note)
        if isinstance(note, AttemptNote):
            return self._of_attempt(note)
        if isinstance(note, InvocationNote):
            return self._of_invocation(note)
        return self._of_brought(note)

    def in_memory(self) -> dict[str, int]:
        return {
            "sources of spans": len(self._sources),
            "runs of spans": len(self._runs),
            "batches of spans": len(self._brought),
        }

    def _of_event(self, note: EventNote) -> Iterator[Span]:
        trace_id = trace_id_of(note.trace)
        if not trace_id:
            return
        envelope = read_json(note.text)
        own = SpanName(trace_id, _id("event", note.event_id, note.account, note.region, note.bus))
        source = self._sources.get(note.event_id) if note.forwarded else None
        self._sources[note.event_id] = own
        scope: Attributes = {"cloud.account.id": note.account, "cloud.region": note.region}
        about: Attributes = {
            "messaging.system": "aws.eventbridge",
            "messaging.operation.type": "send",
            "messaging.destination.name": note.bus,
            "messaging.message.id": note.event_id,
            "aws.eventbridge.source": str(envelope["source"]),
            "aws.eventbridge.detail_type": str(envelope["detail-type"]),
            **scope,
        }
        parent = source.span_id if source is not None else _parent(note.trace)
        yield Span(f"PutEvents {note.bus}", own, parent, "producer", note.began, note.ended, about)
        rules: dict[str, SpanName] = {}
        for one in note.deliveries:
            rule = SpanName(trace_id, _id("rule", note.event_id, one.rule_arn))
            if one.rule_arn not in rules:
                rules[one.rule_arn] = rule
                matched: Attributes = {"aws.eventbridge.rule": one.rule_arn}
                yield Span(
                    f"rule {one.rule}", rule, own.span_id, "internal", note.began, note.ended, matched | scope
                )
            delivery = SpanName(trace_id, _id("attempt", note.event_id, one.rule_arn, one.target_id, "1"))
            if one.name is None:
                continue
            self._sources[one.name or note.event_id] = delivery
            attributes = _delivery(one.target_arn, one.target_id, 1, "delivered", one.name)
            name = f"deliver {last_part(one.target_arn)}"
            yield Span(name, delivery, rule.span_id, "producer", note.began, note.ended, attributes)

    def _of_attempt(self, note: AttemptNote) -> Iterator[Span]:
        if note.origin == "rule":
            trace_id, parent = trace_id_of(note.trace), _id("rule", note.id, note.source)
        else:
            source = self._runs.get(note.id) or self._sources.get(note.id)
            trace_id = trace_id_of(note.trace) or (source.trace_id if source is not None else 0)
            parent = source.span_id if source is not None else _parent(note.trace) or 0
        if not trace_id:
            return
        own = SpanName(trace_id, _id("attempt", note.id, note.source, note.target_id, str(note.attempt)))
        if note.name or note.outcome == "delivered":
            self._sources[note.name or note.id] = own
        attributes = _delivery(note.target, note.target_id, note.attempt, note.outcome, note.name)
        attributes["nightbus.origin"] = note.origin
        if note.dead_letter:
            attributes["nightbus.dead_letter_queue"] = note.dead_letter
        error = f"{note.code}: {note.message}" if note.code else ""
        if note.code:
            attributes["error.type"] = note.code
        yield Span(
            f"deliver {last_part(note.target)}",
            own,
            parent or None,
            "client",
            note.began,
            note.ended,
            attributes,
            error,
        )

    def _of_invocation(self, note: InvocationNote) -> Iterator[Span]:
        trace_id = trace_id_of(note.own_trace)
        segment = segment_of(note.request_id)
        if not trace_id or len(segment) != 16:
            return
        source = self._sources.get(note.request_id)
        own = SpanName(trace_id, int(segment, 16))
        if note.request_id in self._runs:  # a retry has the same segment
            own = SpanName(trace_id, _id("run", note.request_id, str(note.began)))
        else:
            self._runs[note.request_id] = own
        attributes: Attributes = {
            "faas.invoked_name": last_part(note.function),
            "faas.version": note.version,
            "faas.invocation_id": note.request_id,
            "faas.coldstart": note.init_ms is not None,
            "cloud.resource_id": note.function,
        }
        if note.init_ms is not None:
            attributes["nightbus.init_ms"] = note.init_ms
        if note.error:
            attributes["error.type"] = note.error
        known = (self._sources.get(message) for message in self._brought.pop(note.request_id, ()))
        brought = [one for one in known if one is not None]
        above = source or (brought[0] if brought else None)
        links = [one for one in brought if one != above]
        parent = above.span_id if above is not None and above.trace_id == trace_id else _parent(note.trace)
        name = last_part(note.function)
        yield Span(name, own, parent, "consumer", note.began, note.ended, attributes, note.error, links)

    def _of_brought(self, note: BroughtNote) -> Iterator[Span]:
        """No span of its own: it comes before its invocation ends, and perhaps before the note of what sent the
        messages, since a poller is woken before the sender is answered."""
        self._brought[note.request_id] = note.messages
        return iter(())


def _delivery(target: str, target_id: str, attempt: int, outcome: str, name: str) -> Attributes:
    attributes: Attributes = {
        "nightbus.target": target,
        "nightbus.attempt": attempt,
        "nightbus.outcome": outcome,
    }
    if target_id:
        attributes["nightbus.target_id"] = target_id
    if name:
        attributes["messaging.message.id"] = name
    return attributes


def _parent(header: str) -> int | None:
    parent = parent_in(header) if header else ""
    return int(parent, 16) or None if parent else None


def _id(*parts: str) -> int:
    """Not 0, which is no span."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8]) or 1
