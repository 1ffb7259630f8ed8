"""Reads the events of several logs in one order, from a position onwards or backwards.

Events are ordered by time, then by offset, then by log. A position names the last event that was read. The store
selects by time or by offset and not by both, so the events of the position's own millisecond are read separately from
the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry, Store

_END_OF_TIME = 1 << 62


class LogPosition(NamedTuple):
    time: int
    offset: int
    log: str


@dataclass(frozen=True, slots=True)
class Window:
    """The logs to read, in the order of their names, and the times in UTC ms: `since` <= time < `until`."""

    scope: Scope
    logs: Sequence[str]
    since: int = 0
    until: int = _END_OF_TIME


def position_of(entry: Entry) -> LogPosition:
    return LogPosition(entry.time, entry.offset, entry.log)


async def read_after(store: Store, window: Window, position: LogPosition | None, limit: int) -> list[Entry]:
    """Return up to `limit` events after the position, or the first of the window if it is None. The oldest is first."""
    if position is None:
        return await _read(store, window, window.since, window.until, limit)
    time = position.time
    entries = await _read(
        store, window, time, time + 1, limit + len(window.logs), after=max(0, position.offset - 1)
    )
    entries = [entry for entry in entries if position_of(entry) > position][:limit]
    if len(entries) < limit:
        entries += await _read(store, window, time + 1, window.until, limit - len(entries))
    return entries


async def read_before(store: Store, window: Window, position: LogPosition | None, limit: int) -> list[Entry]:
    """Return up to `limit` events before the position, or the last of the window if it is None. The latest is first."""
    if position is None:
        return await _read(store, window, window.since, window.until, limit, backwards=True)
    time = position.time
    entries = await _read(
        store, window, time, time + 1, limit + len(window.logs), after=position.offset + 1, backwards=True
    )
    entries = [entry for entry in entries if position_of(entry) < position][:limit]
    if len(entries) < limit:
        entries += await _read(store, window, window.since, time, limit - len(entries), backwards=True)
    return entries


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
