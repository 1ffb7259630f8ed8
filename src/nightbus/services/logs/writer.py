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
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

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


class _Permission(Enum):
    """What of some lines their writer may write: a new stream without them where it may only make that."""

    ALL, STREAM, NOTHING = "all", "stream", "nothing"


class _Write(NamedTuple):
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

    def in_memory(self) -> dict[str, int]:
        return {**self._streams.in_memory(), "refused log streams": len(self._told)}

    async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        """Write the lines together with the changes `also`. A caller may be cancelled; its lines are written all the
        same."""
        one = _Write(scope, part, also, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())
        await one.done

    async def _permission(self, scope: Scope, part: LogPart) -> _Permission:
        """Return what of the part its writer may write."""
        writer, authorizer = part.writer, self._authorizer
        if writer is None or authorizer is None:
            return _Permission.ALL
        for need in await self._needs(scope, part):
            if not await self._may(authorizer, writer, scope, part, need):
                is_made = need.action == PUT_EVENTS and not await self._has_stream(scope, part)
                return _Permission.STREAM if is_made else _Permission.NOTHING
        return _Permission.ALL

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
            await self._append(one)
        except Exception as failure:
            if not one.done.done():
                one.done.set_exception(failure)
        else:
            if not one.done.done():
                one.done.set_result(None)

    async def _changes_of(self, writes: Sequence[_Write]) -> list[Change] | None:
        """None where a stream is to be created. What a commit depends on comes first, since each record that the
        store's writer looks up ends a statement of many rows.

        Whether a stream is there and may be written to is looked up once for all lines that an environment has here.
        """
        required: dict[
            tuple[Scope, str, str, int], RequireRecord | None
        ] = {}  # None where nothing may be written
        rest: list[Change] = []
        now = self._clock.now_ms()
        for scope, part, also, _ in writes:
            key = (scope, part.group, part.stream, id(part.writer))
            if part.lines and key not in required:
                permission = await self._permission(scope, part)
                stream = await required_stream(self._streams, scope, part.group, part.stream)
                if stream is None and permission is not _Permission.NOTHING:
                    return None
                required[key] = stream if permission is _Permission.ALL else None
            if part.lines and required[key] is not None:
                rest += self._events(scope, part, now)
            rest += part.records
            rest += also
        return [*filter(None, required.values()), *rest]

    @retries_on_conflict
    async def _append(self, one: _Write) -> None:
        """Append the lines. If another writer has created the stream in between, the commit is tried once more."""
        scope, part, also, _ = one
        now = self._clock.now_ms()
        changes: list[Change] = []
        permission = await self._permission(scope, part) if part.lines else _Permission.NOTHING
        if permission is not _Permission.NOTHING:
            changes += await self._creation(scope, part.group, part.stream, now)
        if permission is _Permission.ALL:
            changes += self._events(scope, part, now)
        await self._store.commit(*changes, *part.records, *also, patience=_patience([one]))

    def _events(self, scope: Scope, part: LogPart, now: int) -> Iterator[Change]:
        return appends(scope, part.group, part.stream, part.lines, now, _key)

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
