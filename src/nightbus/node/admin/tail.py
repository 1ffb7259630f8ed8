"""Yields events as the buses accept them, and the outcomes of their deliveries, the oldest first.

`tail` reads the store's logs while a client listens; accepting an event does nothing for it. To a slow client it sends
less often, and what the client has not read yet waits in the logs, not in memory.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import Pattern, matches
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.messaging.log_streams import log_name
from nightbus.services.context import Platform
from nightbus.services.logs.events import content
from nightbus.store.interface import Entry

_POLL_SECONDS = 0.1
_BEAT_SECONDS = 10.0  # a line that says nothing, so that either side notices when the other is gone
_MOST_ENTRIES = 200
_MOST_REMEMBERED = 10_000
_LOGS = log_name("", "").rstrip(":")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of `scope` are yielded.

    `bus`: only those of this bus; by default, "", those of every bus.
    `since`: only those accepted from then on, in UTC milliseconds; by default 0, from the logs' beginning.
    `pattern`: only those that match this event pattern; by default all.
    `log_groups`: the log groups whose events are yielded as well; by default none.
    """

    scope: Scope
    bus: str = ""
    since: int = 0
    pattern: Pattern | None = None
    log_groups: tuple[str, ...] = ()


@dataclass(slots=True)
class _Position:
    """How far each log was read."""

    since: int
    after: dict[str, int] = field(default_factory=dict)


async def tail(platform: Platform, selection: Selection) -> AsyncIterator[dict[str, Any]]:
    """Lines without end: `{"event", "bus", "time", "rules"}`, `{"delivery", "bus", "event_id"}`, `{"log", "time"}`
    and `{"beat"}`."""
    position = _Position(selection.since)
    yielded_ids: dict[str, None] = {}
    quiet = 0.0
    while True:
        entries = await _next(platform, selection, position)
        is_quiet = True
        ahead: list[Entry] = []  # outcomes whose event is still to come
        for entry in entries:
            if entry.log.startswith(outcome_log("")) and entry.key not in yielded_ids:
                ahead.append(entry)
                continue
            async for line in _lines(platform, selection, entry, yielded_ids):
                is_quiet = False
                yield line
        for entry in ahead:
            async for line in _lines(platform, selection, entry, yielded_ids):
                is_quiet = False
                yield line
        if not is_quiet:
            quiet = 0.0
        elif quiet >= _BEAT_SECONDS:
            quiet = 0.0
            yield {"beat": platform.clock.now_ms()}
        if len(entries) < _MOST_ENTRIES:
            quiet += _POLL_SECONDS
            await asyncio.sleep(_POLL_SECONDS)


async def _next(platform: Platform, selection: Selection, position: _Position) -> list[Entry]:
    """What came to the logs since, the oldest first, and of one log in its order. Where the outcome of a delivery is
    among it, its event is too, or was before: outcomes are read first. It may stand before the event where it is of
    another node, whose clock differs by milliseconds."""
    store, names = platform.store, []
    for prefix in (history_log(""), outcome_log("")):
        if selection.bus:
            names.append(prefix + selection.bus)
        else:
            names += await store.logs(selection.scope, prefix)
    for group in selection.log_groups:
        names += await store.logs(selection.scope, log_name(group, ""))
    found: list[list[Entry]] = []
    for name in reversed(names):
        after = position.after.get(name, 0)
        since = None if after else position.since
        found.append(await store.read(selection.scope, name, after=after, since=since, limit=_MOST_ENTRIES))
    entries = list(heapq.merge(*reversed(found), key=attrgetter("time")))
    for entry in entries[:_MOST_ENTRIES]:
        position.after[entry.log] = entry.offset
    return entries[:_MOST_ENTRIES]


async def _lines(
    platform: Platform, selection: Selection, entry: Entry, yielded_ids: dict[str, None]
) -> AsyncIterator[dict[str, Any]]:
    bus = entry.log.partition("/")[2]
    if entry.log.startswith(_LOGS):
        group, _, stream = entry.log.removeprefix(_LOGS).partition(":")
        log = {"group": group, "stream": stream, "message": content(entry)[1], "offset": entry.offset}
        yield {"log": log, "time": entry.time}
        return
    if entry.log == outcome_log(bus):
        if selection.pattern is None or entry.key in yielded_ids:
            yield {"delivery": orjson.loads(entry.data), "bus": bus, "event_id": entry.key}
        return
    for text, placed in events_in(entry.data):
        event = parse_json(text.decode())
        if selection.pattern is not None and not matches(selection.pattern, event):
            continue
        yielded_ids[event["id"]] = None
        while len(yielded_ids) > _MOST_REMEMBERED:
            del yielded_ids[next(iter(yielded_ids))]
        rules = await platform.router.matching(selection.scope, bus, text)
        yield {"event": event, "bus": bus, "time": entry.time, "rules": rules}
        for rule, target, arn, name, _ in notes_in(placed):
            if name is None:
                continue  # the outcome log gets the attempt
            done = {"rule": rule, "target": target, "arn": arn, "attempt": 1, "time": entry.time}
            done |= {"outcome": "delivered", "request_id": name}
            yield {"delivery": done, "bus": bus, "event_id": event["id"]}
