"""Writes the output of functions to CloudWatch Logs.

It creates the group and the stream if they do not exist, as AWS does.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import segment_of
from nightbus.clock import Clock
from nightbus.functions.interface import LogPart
from nightbus.messaging.log_streams import STREAM, appends, creation, required_stream
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, Store
from nightbus.store.known_records import KnownRecords


class LogWriter:
    """Implements `nightbus.functions.interface.LogSink`.

    It remembers which streams exist, because nearly every write goes to a stream that it has written to before.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._streams = KnownRecords(store, [STREAM])
        self._clock = clock

    def in_memory(self) -> dict[str, int]:
        return self._streams.in_memory()

    async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        if part.lines:
            await self._append(scope, part, also)
        else:
            await self._store.commit(*also)

    @retries_on_conflict
    async def _append(self, scope: Scope, part: LogPart, also: Sequence[Change]) -> None:
        """Append the lines. If another writer has created the stream in between, the commit is tried once more."""
        group, stream = part.group, part.stream
        now, events = self._clock.now_ms(), [(line.time, line.message) for line in part.lines]
        new = await self._creation(scope, group, stream, now)
        await self._store.commit(*new, *appends(scope, group, stream, events, now, _key), *also)

    async def _creation(self, scope: Scope, group: str, stream: str, now: int) -> list[Change]:
        required = await required_stream(self._streams, scope, group, stream)
        if required is not None:
            return [required]
        return await creation(self._store, scope, group, stream, now)


def _key(message: str) -> str:
    """Return the entry's key: the X-Ray segment for the line that begins an invocation, which traces search by."""
    return segment_of(message.split(" ", 3)[2]) if message.startswith("START RequestId: ") else ""
