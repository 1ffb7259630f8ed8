"""Follows what a live stream tells of, topic by topic.

A topic is read again and again and gives what is new since. The topics of logs (`events`, `deliveries`, `logs`) read
the store's logs from the place at which they stopped, when the feed says that something was appended: accepting an
event does nothing for them, and what a slow client has not read yet waits in the logs.

Another topic is a class of the shape `Topic`, and its line in `TOPICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Protocol

import msgspec
import orjson

from nightbus.aws.threads import aside
from nightbus.console.api.archives import replay_of
from nightbus.console.api.event_rows import Chosen, EventFilter, row_of
from nightbus.console.api.invocations import invocation
from nightbus.console.api.live_resources import QueuesTopic, TrafficTopic
from nightbus.console.api.log_lines import LineFilter, LineReader
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import encoded
from nightbus.delivery.history import events_in, notes_in
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.functions.logs.invocation_log import INVOCATIONS, invocation_of
from nightbus.messaging.log_streams import log_name
from nightbus.services.events.engines.replaying import REPLAY
from nightbus.store.interface import Entry, Touched

_MOST_ENTRIES = 300  # of one log at a time
_LOG_MS = 100
_REPLAY_MS = 500


class LiveQuery(Chosen, frozen=True):
    """`topics` by commas: events, deliveries, logs, replays, invocations, traffic, queues. Which events: as for
    `/events`. `function`: whose invocations; by default all. `group`: the log groups of `logs`, by commas, with the
    filter pattern `filter` (as FilterLogEvents takes it). `position`: the `id` of a message, to go on after it."""

    topics: Annotated[str, msgspec.Meta(max_length=300)] = "events,deliveries"
    group: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    function: Annotated[str, msgspec.Meta(max_length=64)] = ""
    filter: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    position: Annotated[str, msgspec.Meta(max_length=65_536)] = ""


class Topic(Protocol):
    """`every_ms`: how often it is read, at most."""

    every_ms: int

    async def read(self) -> Sequence[bytes]:
        """What is new since it was read last, each one JSON value."""
        ...

    def close(self) -> None:
        """Nobody listens any more."""
        ...


class Positions:
    """How far each log was read. As a text it is the `id` of a message, from which a client goes on that lost its
    connection."""

    def __init__(self, since: int, offsets: Mapping[str, int] | None = None) -> None:
        self.since = since
        self.offsets = dict(offsets or {})

    def text(self) -> bytes:
        return orjson.dumps([self.since, self.offsets])

    @classmethod
    def of(cls, text: bytes, now: int) -> Positions:
        """From now on, where the text is no position."""
        try:
            since, offsets = msgspec.json.decode(text, type=tuple[int, dict[str, int]])
        except (msgspec.MsgspecError, UnicodeError):
            return cls(now)
        in_range = all(0 <= offset < 2**63 for offset in offsets.values()) and 0 <= since < 2**53
        return cls(since, offsets) if in_range else cls(now)


class _Logs:
    """The logs of a scope that begin with one of `prefixes`, and which of them have something new."""

    def __init__(self, request: ApiRequest, prefixes: Sequence[str], positions: Positions) -> None:
        self._store, self._scope = request.store, request.scope
        self._prefixes = tuple(prefixes)
        self._positions = positions
        self._touched: set[str] = set()
        self._all = True
        self._stop = self._store.watch(self._note, logs=True)

    def _note(self, touched: Touched | None) -> None:
        if touched is None:
            self._all = True
            return
        for scope, log in touched.logs:
            if scope == self._scope and log.startswith(self._prefixes):
                self._touched.add(log)

    async def read(self) -> list[Entry]:
        """The new entries, in the order in which they came."""
        names, self._touched = self._touched, set()
        if self._all:
            self._all = False
            for prefix in self._prefixes:
                names |= set(await self._store.logs(self._scope, prefix))
        entries: list[Entry] = []
        offsets, since = self._positions.offsets, self._positions.since
        for name in names:
            after = offsets.get(name, 0)
            some = await self._store.read(
                self._scope, name, after=after, since=None if after else since, limit=_MOST_ENTRIES
            )
            if some:
                offsets[name] = some[-1].offset
                entries += some
            if len(some) == _MOST_ENTRIES:
                self._touched.add(name)
        entries.sort(key=lambda entry: (entry.time, entry.offset))
        return entries

    def close(self) -> None:
        self._stop()


class _LogTopic:
    every_ms = _LOG_MS

    def __init__(self, logs: _Logs, convert: Callable[[Sequence[Entry]], list[bytes]]) -> None:
        self._logs = logs
        self._convert = convert

    async def read(self) -> Sequence[bytes]:
        entries = await self._logs.read()
        return (
            await aside(sum(len(entry.data) for entry in entries), self._convert, entries) if entries else ()
        )

    def close(self) -> None:
        self._logs.close()


def _events(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    chosen = EventFilter.of(query)
    prefix = history_log("")

    def rows(entries: Sequence[Entry]) -> list[bytes]:
        made = []
        for entry in entries:
            bus = entry.log.removeprefix(prefix)
            if query.bus in ("", bus):
                for text, line in events_in(entry.data):
                    head = chosen.head(text)
                    if head is not None:
                        made.append(encoded(row_of(head, entry.time, bus, notes_in(line))))
        return made

    return _LogTopic(_Logs(request, [history_log(query.bus)], positions), rows)


def _deliveries(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    prefix = outcome_log("")

    def rows(entries: Sequence[Entry]) -> list[bytes]:
        made = []
        for entry in entries:
            bus = entry.log.removeprefix(prefix)
            if query.bus in ("", bus):
                outcome = orjson.loads(entry.data)
                outcome.pop("input", None)
                made.append(orjson.dumps({"event_id": entry.key, "bus": bus, **outcome}))
        return made

    return _LogTopic(_Logs(request, [outcome_log(query.bus)], positions), rows)


def _logs(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    groups = [one for one in query.group.split(",") if one]
    chosen, reader = LineFilter.of(query.filter), LineReader()

    def rows(entries: Sequence[Entry]) -> list[bytes]:
        lines = [reader.line(entry) for entry in entries]
        return [encoded(line) for line in lines if chosen.admits(line.message)]

    return _LogTopic(_Logs(request, [log_name(group, "") for group in groups] or ["\0"], positions), rows)


class _Replays:
    """The replays whose records have changed."""

    every_ms = _REPLAY_MS

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._seen: dict[str, int] = {}
        self._changed = True
        self._stop = request.store.watch(self._note, [REPLAY])

    def _note(self, touched: Touched | None) -> None:
        self._changed = True

    async def read(self) -> Sequence[bytes]:
        if not self._changed:
            return ()
        self._changed = False
        records = await self._request.store.list(self._request.scope, REPLAY)
        new = [one for one in records if self._seen.get(one.key) != one.revision]
        self._seen = {one.key: one.revision for one in records}
        return [encoded(replay_of(one)) for one in new]

    def close(self) -> None:
        self._stop()


def _replays(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    return _Replays(request)


class _Invocations:
    """The invocations that ended, of the query's function or of all."""

    every_ms = _LOG_MS

    def __init__(self, request: ApiRequest, function: str, positions: Positions) -> None:
        self._store = request.store
        self._function = function
        self._logs = _Logs(request, [INVOCATIONS], positions)

    async def read(self) -> Sequence[bytes]:
        entries = [one for one in await self._logs.read() if self._function in ("", one.key)]
        return [encoded(await invocation(self._store, invocation_of(entry))) for entry in entries]

    def close(self) -> None:
        self._logs.close()


def _invocations(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    return _Invocations(request, query.function, positions)


def _traffic(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    return TrafficTopic(request)


def _queues(request: ApiRequest, query: LiveQuery, positions: Positions) -> Topic:
    return QueuesTopic(request)


TOPICS: Mapping[str, Callable[[ApiRequest, LiveQuery, Positions], Topic]] = {
    "events": _events,
    "deliveries": _deliveries,
    "logs": _logs,
    "replays": _replays,
    "invocations": _invocations,
    "traffic": _traffic,
    "queues": _queues,
}
