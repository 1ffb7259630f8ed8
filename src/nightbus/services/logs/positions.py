"""Where in a group's events does a reader go on?

Events are ordered by time, then by offset, then by log. A position names the event beside which reading goes on; the
store selects by time or by offset, so the events of the position's own millisecond are read apart from the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry, Store

_END_OF_TIME = 1 << 62


class Position(NamedTuple):
    time: int
    offset: int
    log: str


@dataclass(frozen=True, slots=True)
class Window:
    """The logs that are read (in order of their names) and the times: `since` <= time < `until`."""

    scope: Scope
    logs: Sequence[str]
    since: int = 0
    until: int = _END_OF_TIME


def position_of(entry: Entry) -> Position:
    return Position(entry.time, entry.offset, entry.log)


async def read_after(store: Store, window: Window, position: Position | None, limit: int) -> list[Entry]:
    """The first events after the position, or of the whole window."""
    if position is None:
        return await _read(store, window, window.since, window.until, limit)
    time = position.time
    found = await _read(
        store, window, time, time + 1, limit + len(window.logs), after=max(0, position.offset - 1)
    )
    found = [entry for entry in found if position_of(entry) > position][:limit]
    if len(found) < limit:
        found += await _read(store, window, time + 1, window.until, limit - len(found))
    return found


async def read_before(store: Store, window: Window, position: Position | None, limit: int) -> list[Entry]:
    """The last events before the position, or of the whole window; the latest first."""
    if position is None:
        return await _read(store, window, window.since, window.until, limit, backwards=True)
    time = position.time
    found = await _read(
        store, window, time, time + 1, limit + len(window.logs), after=position.offset + 1, backwards=True
    )
    found = [entry for entry in found if position_of(entry) < position][:limit]
    if len(found) < limit:
        found += await _read(store, window, window.since, time, limit - len(found), backwards=True)
    return found


async def _read(
    store: Store,
    window: Window,
    since: int,
    until: int,
    limit: int,
    *,
    after: int = 0,
    backwards: bool = False,
) -> list[Entry]:
    since, until = max(since, window.since), min(until, window.until)
    if since >= until or not window.logs:
        return []
    return await store.read(
        window.scope,
        list(window.logs),
        after=after,
        since=since,
        until=until,
        limit=limit,
        backwards=backwards,
    )
