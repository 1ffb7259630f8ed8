"""Carries out what the records of one kind wait for: one task at a time for a record, a few for all of them.

The worker looks at all records when it starts, so that what a record waited for when the node stopped is carried out
then. A task ends when its record does not wait any more; a change that comes meanwhile makes it look again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nightbus.aws.calls import Scope
from nightbus.services.context import Platform
from nightbus.store.interface import RecordReader, Touched

log = logging.getLogger("nightbus.lambda")

_AGAIN_SECONDS = 5.0  # while the store fails

Key = tuple[Scope, str]
IsWaiting = Callable[[RecordReader, Scope, str], Awaitable[bool]]
CarryOut = Callable[[Platform, Scope, str], Awaitable[None]]


class RecordWorker:
    """`at_once`: how many tasks run at a time. `carry_out` stores how it ended; after an exception it runs again."""

    def __init__(
        self, platform: Platform, kind: str, at_once: int, is_waiting: IsWaiting, carry_out: CarryOut
    ) -> None:
        self._platform = platform
        self._kind = kind
        self._is_waiting = is_waiting
        self._carry_out = carry_out
        self._slots = asyncio.Semaphore(at_once)
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._changed: set[Key] = set()  # while their task was under way
        self._touched: asyncio.Queue[Key | None] = asyncio.Queue()

    async def run(self) -> None:
        """Run until cancelled."""
        self._touched.put_nowait(None)
        unwatch = self._platform.store.watch(self._note, (self._kind,))
        try:
            while True:
                key = await self._touched.get()
                for one in await self._all_keys() if key is None else [key]:
                    await self._begin(one)
        finally:
            unwatch()
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _note(self, touched: Touched | None) -> None:
        for key in [None] if touched is None else [(one.scope, one.key) for one in touched.records]:
            self._touched.put_nowait(key)

    async def _all_keys(self) -> list[Key]:
        store = self._platform.store
        scopes = await store.scopes(self._kind)
        return [(scope, record.key) for scope in scopes for record in await store.list(scope, self._kind)]

    async def _begin(self, key: Key) -> None:
        if key in self._tasks:
            self._changed.add(key)
        # Not by `invocables`, which would keep that a deleted record is not there.
        elif await self._is_waiting(self._platform.store, *key):
            self._tasks[key] = asyncio.create_task(self._work_on(key))

    async def _work_on(self, key: Key) -> None:
        try:
            async with self._slots:
                while await self._waits(key):
                    try:
                        await self._carry_out(self._platform, *key)
                    except Exception:
                        log.exception("the state of %s is not stored; it is tried again", key[1])
                        await self._platform.clock.sleep(_AGAIN_SECONDS)
        finally:  # with no `await` after the last look at `_changed`
            self._tasks.pop(key, None)
            self._changed.discard(key)

    async def _waits(self, key: Key) -> bool:
        """Whether the record waits, or has changed while this was asked, or cannot be read."""
        self._changed.discard(key)
        try:
            return await self._is_waiting(self._platform.store, *key) or key in self._changed
        except Exception:
            return True
