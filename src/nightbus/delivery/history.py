"""How does an accepted event lie in its bus's history? Its envelope, and after it what its own commit delivered."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.delivery.rules import history_log
from nightbus.store.interface import Entry, Store

_MOST_OF_A_MOMENT = 100_000  # events of one millisecond

Placed = tuple[str, str, str, str]  # rule, target id, target ARN, what the target calls it


def write_history(text: bytes, placed: Sequence[Placed]) -> bytes:
    """An envelope has no line breaks outside its strings, and in them they are escaped."""
    return text + b"\n" + orjson.dumps(placed) if placed else text


def event_text(data: bytes) -> bytes:
    return data.partition(b"\n")[0]


def placed_in(data: bytes) -> list[Placed]:
    placed = data.partition(b"\n")[2]
    return [(rule, target, arn, name) for rule, target, arn, name in orjson.loads(placed)] if placed else []


async def find_event(store: Store, scope: Scope, bus: str, event_id: str) -> Entry | None:
    """The event in the bus's history, found by the time in its id."""
    time = event_id_time(event_id)
    if time is None:
        return None
    beginning = f'{{"version":"0","id":"{event_id}",'.encode()
    log = history_log(bus)
    for entry in await store.read(scope, log, since=time, until=time + 1, limit=_MOST_OF_A_MOMENT):
        if entry.data.startswith(beginning):
            return entry
    return None
