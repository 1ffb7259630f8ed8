"""How do the platform's own lines (a function's output) come into CloudWatch Logs?

Group and stream appear by themselves, as on AWS.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import segment_of
from nightbus.clock import Clock
from nightbus.functions.interface import LogLine
from nightbus.messaging.log_streams import appends, creation, required_stream
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, Store


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
        if lines:
            await self._append(scope, group, stream, [(line.time, line.message) for line in lines])

    @retries_on_conflict
    async def _append(self, scope: Scope, group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
        """Where another writer was the first to create the stream, it is there the next time."""
        now = self._clock.now_ms()
        new = await self._creation(scope, group, stream, now)
        await self._store.commit(*new, *appends(scope, group, stream, events, now, _key))

    async def _creation(self, scope: Scope, group: str, stream: str, now: int) -> list[Change]:
        required = await required_stream(self._store, scope, group, stream)
        if required is not None:
            return [required]
        return await creation(self._store, scope, group, stream, now)


def _key(message: str) -> str:
    """The line that begins an invocation is found by the invocation's segment."""
    return segment_of(message.split(" ", 3)[2]) if message.startswith("START RequestId: ") else ""
