"""Defines how accepted events lie in their bus's history: those of one commit together, two lines each.

The first line is an event's envelope, the second what its own commit delivered or queued of it, or empty. An envelope
has no line breaks outside its strings, and in them they are escaped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.transform import CHOICES
from nightbus.delivery.rules import history_log
from nightbus.store.interface import Append, Store

_MOST_OF_A_MOMENT = 100_000  # commits of one millisecond


class DeliveryNote(NamedTuple):
    """`name` is what the target calls the event, None where a delivery was queued; `made` as `made_by` says."""

    rule: str
    target: str
    arn: str
    name: str | None
    made: str = ""


class TargetNote:
    """What is the same of a target for every event that it gets, written once; `queued` is the whole of it."""

    def __init__(self, rule: str, target: Mapping[str, Any]) -> None:
        self._head = orjson.dumps([rule, target["Id"], target["Arn"]])[:-1] + b","
        made = made_by(target)
        self._tail = b',"%b"]' % made.encode() if made else b"]"
        self.queued = self._head + b"null" + self._tail

    def with_name(self, name: str) -> bytes:
        """`name` needs no escaping in JSON."""
        return b'%b"%b"%b' % (self._head, name.encode(), self._tail)


def made_by(target: Mapping[str, Any]) -> str:
    """A fingerprint of how a target's input is made of an event, "" where it is the event itself.

    Inputs that were placed are not kept; one can be made again as long as this is the same.
    """
    choices = {choice: target[choice] for choice in CHOICES if target.get(choice) is not None}
    return (
        hashlib.sha256(orjson.dumps(choices, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12] if choices else ""
    )


class HistoryWriter:
    """The events of one commit, by bus."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Scope, str], list[bytes]] = {}

    def lines(self, scope: Scope, log: str) -> list[bytes]:
        """To be given two lines for each event: its text, and `note_line` of what was placed of it."""
        lines = self._lines.get((scope, log))
        if lines is None:
            lines = self._lines[scope, log] = []
        return lines

    def entries(self, time: int) -> list[Append]:
        return [Append(scope, log, time, b"\n".join(lines)) for (scope, log), lines in self._lines.items()]


def note_line(placed: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(placed) if placed else b""


def notes_in(line: bytes) -> list[DeliveryNote]:
    return [DeliveryNote(*one) for one in orjson.loads(line or b"[]")]


def events_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each event's envelope, and its line for `notes_in`."""
    lines = iter(data.split(b"\n"))
    return zip_longest(lines, lines, fillvalue=b"")


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event in the history of `bus`; `time` is when the bus accepted it, UTC ms."""

    bus: str
    time: int
    text: bytes
    placed: list[DeliveryNote]


async def find_event(
    store: Store, scope: Scope, bus: str, event_id: str, time: int | None = None
) -> AcceptedEvent | None:
    """The event in the bus's history as it was accepted at `time`; by default at the time in its id.

    A replayed event is accepted again, under its old id.
    """
    time = event_id_time(event_id) if time is None else time
    if time is None:
        return None
    beginning = f'{{"version":"0","id":"{event_id}",'.encode()
    log = history_log(bus)
    for entry in await store.read(scope, log, since=time, until=time + 1, limit=_MOST_OF_A_MOMENT):
        if beginning in entry.data:
            for text, placed in events_in(entry.data):
                if text.startswith(beginning):
                    return AcceptedEvent(bus, entry.time, text, notes_in(placed))
    return None
