"""Writes the output of functions to CloudWatch Logs.

It creates the group and the stream if they do not exist, as AWS does, as far as the writer may. Each refusal is told
once for a stream, that is for an environment, and not with each line. Lines that come while a commit is under way share
the next commit: each further commit costs the store's writer some statements and the event loop some turns. The end of
an asynchronous invocation waits some milliseconds for another commit, since no client waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import segment_of
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.functions.interface import LogPart
from nightbus.functions.logs.platform_events import STARTS, started_request
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.log_streams import GROUP, STREAM, appends, creation, required_stream, stream_key
from nightbus.messaging.log_writing import PUT_EVENTS, writing_needs
from nightbus.policies.request import Need
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, RequireRecord, Store
from nightbus.store.known_records import KnownRecords

_MOST_TOGETHER = 64
_PATIENCE_SECONDS = 0.01
_MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class _Write:
    scope: Scope
    part: LogPart
    also: Sequence[Change]
    done: asyncio.Future[None]


class LogWriter:
    """Implements `nightbus.functions.interface.LogSink`.

    It remembers which streams exist, because nearly every write goes to a stream that it has written to before.
    """

    def __init__(self, store: Store, clock: Clock, authorizer: Authorizer | None = None) -> None:
        """With an `authorizer`, lines whose writer may not write them are left out, as AWS leaves them out."""
        self._authorizer = authorizer
        self._told: Bounded[tuple[str, str], None] = Bounded(_MOST_TOLD)  # refused actions, and the stream
        self._store = store
        self._streams = KnownRecords(store, [STREAM])
        self._clock = clock
        self._waiting: deque[_Write] = deque()
        self._writing: asyncio.Task[None] | None = None
        self._left: set[asyncio.Task[None]] = set()  # what cancelled callers left behind

    def in_memory(self) -> dict[str, int]:
        return {**self._streams.in_memory(), "refused log streams": len(self._told)}

    async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        """Write the lines together with the changes `also`. A caller may be cancelled; its lines are written all the
        same."""
        try:
            permitted = await self._permitted(scope, part) if part.lines else None
        except asyncio.CancelledError:
            left = asyncio.create_task(self._write_left(scope, part, also))
            self._left.add(left)
            left.add_done_callback(self._left.discard)
            raise
        await self._write_permitted(scope, part, permitted, also)

    async def _write_left(self, scope: Scope, part: LogPart, also: Sequence[Change]) -> None:
        """Write what a caller left behind that was cancelled while its permission was looked up."""
        await self._write_permitted(scope, part, await self._permitted(scope, part), also)

    async def _write_permitted(
        self, scope: Scope, part: LogPart, permitted: LogPart | None, also: Sequence[Change]
    ) -> None:
        if permitted is None:
            await self._store.commit(*part.records, *also)
            return
        one = _Write(scope, permitted, also, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await one.done

    async def _permitted(self, scope: Scope, part: LogPart) -> LogPart | None:
        """Return what of the part the writer may write: None, or a new stream without the lines."""
        writer, authorizer = part.writer, self._authorizer
        if writer is None or authorizer is None:
            return part
        for need in await self._needs(scope, part):
            if not await self._may(authorizer, writer, scope, part, need):
                is_made = need.action == PUT_EVENTS and not await self._has_stream(scope, part)
                return replace(part, lines=()) if is_made else None
        return part

    async def _needs(self, scope: Scope, part: LogPart) -> Sequence[Need]:
        group, stream = part.group, part.stream
        if await self._has_stream(scope, part):
            return writing_needs(scope, group, stream, has_group=True, has_stream=True)
        has_group = await self._store.get(scope, GROUP, group) is not None
        return writing_needs(scope, group, stream, has_group=has_group)

    async def _has_stream(self, scope: Scope, part: LogPart) -> bool:
        return await self._streams.get(scope, STREAM, stream_key(part.group, part.stream)) is not None

    async def _may(
        self, authorizer: Authorizer, writer: Caller, scope: Scope, part: LogPart, need: Need
    ) -> bool:
        if await authorizer.admits(writer, scope, need):
            return True
        if (need.action, part.stream) not in self._told:
            self._told[need.action, part.stream] = None
            with contextlib.suppress(AwsError):
                await authorizer.authorize(need.action, [need], Call(scope, writer, ""))
        return not authorizer.enforces

    async def close(self) -> None:
        """Return when everything so far is written."""
        while self._left:
            await asyncio.wait(list(self._left))
        while self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                few = [self._waiting.popleft() for _ in range(min(_MOST_TOGETHER, len(self._waiting)))]
                await self._write_together(few)
        finally:
            self._writing = None

    async def _write_together(self, writes: Sequence[_Write]) -> None:
        """In one commit, or each in its own where one of them cannot be written."""
        if len(writes) > 1:
            try:
                changes = await self._changes_of(writes)
                if changes is not None:
                    await self._store.commit(*changes, patience=_patience(writes))
            except Exception:  # each hears for itself what is wrong
                changes = None
            if changes is not None:
                for one in writes:
                    if not one.done.done():
                        one.done.set_result(None)
                return
        for one in writes:
            await self._write_alone(one)

    async def _write_alone(self, one: _Write) -> None:
        try:
            await self._append(one.scope, one.part, one.also, _patience([one]))
        except Exception as failure:
            if not one.done.done():
                one.done.set_exception(failure)
        else:
            if not one.done.done():
                one.done.set_result(None)

    async def _changes_of(self, writes: Sequence[_Write]) -> list[Change] | None:
        """None where a stream is to be created. What a commit depends on comes first, since each record that the
        store's writer looks up ends a statement of many rows."""
        required: dict[RequireRecord, None] = {}
        rest: list[Change] = []
        now = self._clock.now_ms()
        for one in writes:
            stream = await required_stream(self._streams, one.scope, one.part.group, one.part.stream)
            if stream is None:
                return None
            required[stream] = None
            rest += self._events(one.scope, one.part, now)
            rest += one.also
        return [*required, *rest]

    @retries_on_conflict
    async def _append(self, scope: Scope, part: LogPart, also: Sequence[Change], patience: float) -> None:
        """Append the lines. If another writer has created the stream in between, the commit is tried once more."""
        now = self._clock.now_ms()
        new = await self._creation(scope, part.group, part.stream, now)
        await self._store.commit(*new, *self._events(scope, part, now), *also, patience=patience)

    def _events(self, scope: Scope, part: LogPart, now: int) -> list[Change]:
        return [*appends(scope, part.group, part.stream, part.lines, now, _key), *part.records]

    async def _creation(self, scope: Scope, group: str, stream: str, now: int) -> list[Change]:
        required = await required_stream(self._streams, scope, group, stream)
        if required is not None:
            return [required]
        return await creation(self._store, scope, group, stream, now)


def _patience(writes: Sequence[_Write]) -> float:
    """Lines that come with other changes end an asynchronous invocation, for which no client waits."""
    return _PATIENCE_SECONDS if all(one.also for one in writes) else 0.0


def _key(message: str) -> str:
    """Return the entry's key: the X-Ray segment for the line that begins an invocation, which traces search by."""
    request_id = started_request(message) if message.startswith(STARTS) else ""
    return segment_of(request_id) if request_id else ""
