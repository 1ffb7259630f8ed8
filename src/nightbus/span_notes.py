"""Keeps notes of what an event's way consists of until they are exported as spans, by whoever takes them.

A node has a `SpanNotes` only where spans are exported (OTLP is set); who would note something asks for None first, so
that it costs nothing otherwise. A note is a value that was there anyway: spans are made of it elsewhere, later. At most
`most` notes wait; those that came first make room for newer ones.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MOST = 50_000


class DeliveryNote(NamedTuple):
    """A target of a rule that an event matched. `name` is what the target calls what it took in the event's own commit;
    None where a delivery is queued."""

    rule: str
    rule_arn: str
    target_id: str
    target_arn: str
    name: str | None


class EventNote(NamedTuple):
    """An event that a bus accepted. `trace` is its X-Ray header, `text` the envelope, times are UTC ms."""

    trace: str
    account: str
    region: str
    bus: str
    event_id: str
    text: bytes
    began: int
    ended: int
    forwarded: bool
    deliveries: tuple[DeliveryNote, ...]


class AttemptNote(NamedTuple):
    """An attempt at a queued delivery. `origin` is its kind (`rule`, `subscription`), `source` the rule's, topic's or
    function's ARN, and `id` that of the event, message or invocation. `outcome`: `delivered`, `retried`, `given_up`."""

    trace: str
    origin: str
    source: str
    id: str
    target_id: str
    target: str
    attempt: int
    began: int
    ended: int
    outcome: str
    name: str
    code: str
    message: str
    dead_letter: str


class InvocationNote(NamedTuple):
    """An invocation that ended. `trace` is the header of its request, `own_trace` the one that the function passes on.

    `error` is "" where it did not fail. `init_ms`: that of a cold start.
    """

    trace: str
    own_trace: str
    function: str
    version: str
    request_id: str
    began: int
    ended: int
    init_ms: float | None
    error: str


class BroughtNote(NamedTuple):
    """The messages of the queue `source` that an invocation gets, by their ids."""

    request_id: str
    source: str
    messages: tuple[str, ...]


Note = EventNote | AttemptNote | InvocationNote | BroughtNote


class SpanNotes:
    """`dropped` counts notes that nobody took in time."""

    def __init__(self, most: int = MOST) -> None:
        self._notes: deque[Note] = deque()
        self._most = most
        self.dropped = 0

    def add(self, note: Note) -> None:
        if len(self._notes) >= self._most:
            self._notes.popleft()
            self.dropped += 1
        self._notes.append(note)

    def take(self, most: int) -> list[Note]:
        """The oldest notes, which nobody else gets."""
        return [self._notes.popleft() for _ in range(min(most, len(self._notes)))]

    def __len__(self) -> int:
        return len(self._notes)

    def in_memory(self) -> dict[str, int]:
        return {"notes of spans": len(self._notes)}
