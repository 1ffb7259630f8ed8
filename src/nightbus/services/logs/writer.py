"""How do the platform's own lines (a function's output) come into CloudWatch Logs?

Group and stream appear by themselves, as on AWS.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.functions.interface import LogLine
from nightbus.messaging.log_streams import GROUP, STREAM, appends, log_name, stream_key
from nightbus.store.interface import Change, Conflict, PutRecord, Store, TrimLog


class LogWriter:
    """Implements `nightbus.functions.interface.LogSink`.

    Whether the stream is there is asked of the store each time: a point read costs microseconds, and a cache here
    would have to hear of every deletion.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def write(self, scope: Scope, group: str, stream: str, lines: Sequence[LogLine]) -> None:
        """Append to the stream in one commit; group and stream appear by themselves."""
        if not lines:
            return
        now = self._clock.now_ms()
        events = [(line.time, line.message) for line in lines]
        while True:
            new = await self._creation(scope, group, stream, now)
            try:
                await self._store.commit(*new, *appends(scope, group, stream, events, now))
                return
            except Conflict:
                continue  # another writer created it first: now it is there

    async def _creation(self, scope: Scope, group: str, stream: str, now: int) -> list[Change]:
        if await self._store.get(scope, STREAM, stream_key(group, stream)) is not None:
            return []
        changes = create_stream(scope, group, stream, now)
        if await self._store.get(scope, GROUP, group) is None:
            changes.append(create_group(scope, group, now))
        return changes


def create_group(
    scope: Scope, group: str, now: int, tags: dict[str, str] | None = None, log_class: str = "STANDARD"
) -> PutRecord:
    value = {"created": now, "retention": None, "class": log_class, "tags": tags or {}}
    return PutRecord(scope, GROUP, group, value, expect=0)


def create_stream(scope: Scope, group: str, stream: str, now: int) -> list[Change]:
    """A new stream is empty, whatever a late writer added to one of this name after its deletion."""
    return [
        PutRecord(scope, STREAM, stream_key(group, stream), {"created": now}, expect=0),
        TrimLog(scope, log_name(group, stream)),
    ]
