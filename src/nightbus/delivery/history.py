"""How do accepted events lie in their bus's history? Those of one commit together, two lines each.

The first line is an event's envelope, the second what its own commit delivered of it, or empty. An envelope has no line
breaks outside its strings, and in them they are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.delivery.rules import history_log
from nightbus.store.interface import Append, Store

_MOST_OF_A_MOMENT = 100_000  # commits of one millisecond

Placed = tuple[str, str, str, str]  # rule, target id, target ARN, what the target calls it


class PlacedHead:
    """What is the same of a target for every event that it gets, written once."""

    def __init__(self, rule: str, target_id: str, target_arn: str) -> None:
        self._head = orjson.dumps([rule, target_id, target_arn])[:-1] + b","

    def with_name(self, name: str) -> bytes:
        """`name` needs no escaping in JSON."""
        return b'%b"%b"]' % (self._head, name.encode())


class HistoryWriter:
    """The events of one commit, by bus."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Scope, str], list[bytes]] = {}

    def lines(self, scope: Scope, log: str) -> list[bytes]:
        """To be given two lines for each event: its text, and `placed_line` of what was placed of it."""
        lines = self._lines.get((scope, log))
        if lines is None:
            lines = self._lines[scope, log] = []
        return lines

    def entries(self, time: int) -> list[Append]:
        return [Append(scope, log, time, b"\n".join(lines)) for (scope, log), lines in self._lines.items()]


def placed_line(placed: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(placed) if placed else b""


def events_in(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each event's envelope, and what was placed of it as JSON or nothing."""
    lines = iter(data.split(b"\n"))
    return zip_longest(lines, lines, fillvalue=b"")


@dataclass(frozen=True, slots=True)
class Found:
    """An event in the history of `bus`; `time` is when the bus accepted it, UTC ms."""

    bus: str
    time: int
    text: bytes
    placed: list[Placed]


async def find_event(
    store: Store, scope: Scope, bus: str, event_id: str, time: int | None = None
) -> Found | None:
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
                    return Found(bus, entry.time, text, orjson.loads(placed or b"[]"))
    return None
