"""What happens on the buses now? Events as they are accepted, and what becomes of them, as a stream of JSON lines.

The store's logs are looked at while somebody listens; what puts events knows nothing of it. A reader that is slow is
sent less often, and what it has not seen yet waits in the logs, not in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import Pattern, matches
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.services.context import Platform
from nightbus.store.interface import Entry

_EVERY_SECONDS = 0.1
_BEAT_SECONDS = 10.0  # a line that says nothing, so that either side notices when the other is gone
_AT_ONCE = 200
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """`bus` "" is every bus of the scope. `since` in UTC ms; only events that match the pattern, if there is one."""

    scope: Scope
    bus: str = ""
    since: int = 0
    pattern: Pattern | None = None


@dataclass(slots=True)
class _Position:
    """How far each log was read."""

    since: int
    after: dict[str, int] = field(default_factory=dict)


async def tail(platform: Platform, wanted: Wanted) -> AsyncIterator[dict[str, Any]]:
    """Lines without end: `{"event", "bus", "time", "rules"}`, `{"delivery", "bus", "event_id"}` and `{"beat"}`."""
    position = _Position(wanted.since)
    shown: dict[str, None] = {}
    quiet = 0.0
    while True:
        entries = await _next(platform, wanted, position)
        lines = [line for entry in entries async for line in _lines(platform, wanted, entry, shown)]
        for line in lines:
            yield line
        if lines:
            quiet = 0.0
        elif quiet >= _BEAT_SECONDS:
            quiet = 0.0
            yield {"beat": platform.clock.now_ms()}
        if len(entries) < _AT_ONCE:
            quiet += _EVERY_SECONDS
            await asyncio.sleep(_EVERY_SECONDS)


async def _next(platform: Platform, wanted: Wanted, position: _Position) -> list[Entry]:
    """What came to the logs since, the oldest first."""
    store, names = platform.store, []
    for prefix in (history_log(""), outcome_log("")):
        if wanted.bus:
            names.append(prefix + wanted.bus)
        else:
            names += await store.logs(wanted.scope, prefix)
    found: list[Entry] = []
    for name in names:
        after = position.after.get(name, 0)
        since = None if after else position.since
        found += await store.read(wanted.scope, name, after=after, since=since, limit=_AT_ONCE)
    found.sort(key=lambda entry: entry.offset)
    for entry in found[:_AT_ONCE]:
        position.after[entry.log] = entry.offset
    return found[:_AT_ONCE]


async def _lines(
    platform: Platform, wanted: Wanted, entry: Entry, shown: dict[str, None]
) -> AsyncIterator[dict[str, Any]]:
    bus = entry.log.partition("/")[2]
    if entry.log == outcome_log(bus):
        if wanted.pattern is None or entry.key in shown:
            yield {"delivery": orjson.loads(entry.data), "bus": bus, "event_id": entry.key}
        return
    for text, placed in events_in(entry.data):
        event = parse_json(text.decode())
        if wanted.pattern is not None and not matches(wanted.pattern, event):
            continue
        shown[event["id"]] = None
        while len(shown) > _REMEMBERED:
            del shown[next(iter(shown))]
        rules = await platform.router.matching(wanted.scope, bus, text)
        yield {"event": event, "bus": bus, "time": entry.time, "rules": rules}
        for rule, target, arn, name, _ in notes_in(placed):
            if name is None:
                continue  # the attempt itself will be told
            done = {"rule": rule, "target": target, "arn": arn, "attempt": 1, "time": entry.time}
            done |= {"outcome": "delivered", "request_id": name}
            yield {"delivery": done, "bus": bus, "event_id": event["id"]}
