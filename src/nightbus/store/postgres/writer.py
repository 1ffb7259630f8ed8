"""Writes commits. Batches that wait at the same time become one transaction.

One task of the node's event loop has the one connection that writes, and does this again and again:

    take what waits, at most `_MOST_TOGETHER` batches or `_MOST_BYTES`
    one statement (`plain_groups`), or BEGIN; lock and look; plan; write; COMMIT
    hand the group to the teller, which settles and answers batch by batch, while the next group is written

What holds, and by what:

1. A caller goes on after the server has confirmed COMMIT: with `synchronous_commit` on, after the server's disk, and
   with synchronous standbys after a quorum of them. A warning with which the server gives up waiting for a standby is
   taken for an unknown outcome.
2. An unknown outcome is never told as a success. Where the connection is lost after COMMIT or a statement that commits
   by itself was sent, the callers get StoreUnavailable, and nobody tries the group again: it may stand.
3. Where the connection is lost before that, nothing was written. The group is tried again over a new connection, for
   `_PATIENCE_SECONDS` since its first batch came; then its callers get StoreUnavailable.
4. A serialization failure, a deadlock, or a name or record that came up meanwhile rolls the group back, and it is
   planned again from new looks. What was decided before is forgotten with it.
5. A batch that is refused harms no other one; where the server refuses a statement for what it contains, each batch of
   the group is written alone.
6. Groups are told in the order of their commits, by one task; callers are answered after the listeners heard.

What would break them: a second task over `_connection` (1, 6); in `commit_connection`, which has one group written, a
statement after COMMIT in the same `try` (2).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from nightbus.counters import CommitCounts
from nightbus.store.changes import StoreUnavailable
from nightbus.store.interface import Change, StoreClosed
from nightbus.store.postgres.batches import Batch, Group, answer, size_of
from nightbus.store.postgres.commit_connection import CommitConnection, OutcomeUnknown
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.failures import is_lack_of_room, is_outage, is_tried_again
from nightbus.store.postgres.group import trims_of
from nightbus.store.postgres.locks import Stale
from nightbus.store.postgres.names import Names
from nightbus.store.postgres.plain_groups import PLAIN

if TYPE_CHECKING:
    from nightbus.store.postgres.group import Note

log = logging.getLogger("nightbus.store")
_MOST_TOGETHER = 512
_MOST_BYTES = 16 * 1024 * 1024
_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds, between attempts to connect from the third on
_LONGEST_YIELD = 0.01  # seconds, before a group that lost against another node's is tried again
_FEWEST_ATTEMPTS = 10  # against other nodes
_NOT_KEPT = "The database cannot be reached. Nothing was changed."
_UNKNOWN = "The connection to the database was lost during a commit. It is not known whether it was made."
_NO_ROOM = "The database refuses what is to be kept: {}"


Tell = Callable[[Group], Awaitable[bool]]


class Writer:
    """`note` writes the row that tells of changed records; `tell` settles a group, before its callers are answered,
    and says whether it woke somebody who waits for an item."""

    def __init__(
        self, database: Database, names: Names, note: Note, tell: Tell, counts: CommitCounts
    ) -> None:
        self._connection = CommitConnection(database, names, note)
        self._tell = tell
        self._counts = counts
        self._waiting: deque[Batch] = deque()
        self._wanted = asyncio.Event()
        self._patient: asyncio.TimerHandle | None = None
        self._finished: asyncio.Queue[Group | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_away = False
        self._closed = False
        self.under_way = 0  # batches whose callers wait

    async def open(self) -> None:
        """Raises asyncpg.PostgresError, OSError, TimeoutError."""
        await self._connection.open()
        self._tasks = [
            asyncio.create_task(self._write_all(), name="writer of the store"),
            asyncio.create_task(self._tell_all(), name="teller of the store"),
        ]

    async def submit(self, changes: Sequence[Change], patience: float = 0.0) -> None:
        """With `patience` (seconds) the batch may wait so long for the next one that has none.

        Raises Conflict, StaleLease, StoreUnavailable, StoreClosed.
        """
        if self._closed:
            raise StoreClosed("the store is closed")
        loop = asyncio.get_running_loop()
        batch = Batch(
            changes,
            loop.create_future(),
            size_of(changes),
            bool(trims_of(changes)),
            PLAIN.issuperset(map(type, changes)),
        )
        self._waiting.append(batch)
        self.under_way += 1
        if not patience:
            self._hurry()
        elif self._patient is None and not self._wanted.is_set():
            self._patient = loop.call_later(patience, self._hurry)
        await batch.done  # whoever waits may be cancelled; the batch is written all the same

    def _hurry(self) -> None:
        if self._patient is not None:
            self._patient.cancel()
            self._patient = None
        self._wanted.set()

    async def close(self) -> None:
        """Write and tell what was submitted."""
        if self._closed:
            return
        self._closed = True
        self._hurry()
        await asyncio.gather(*self._tasks)
        await self._connection.close()

    def terminate(self) -> None:
        """In place of `close`, or after it began: at once. Whoever waits for a commit gets no answer."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._connection.drop()

    # Writing.

    async def _write_all(self) -> None:
        try:
            while self._waiting or not self._closed:
                await self._wanted.wait()
                batches = self._take()
                if batches:
                    await self._write_group(batches)
        finally:
            self._finished.put_nowait(None)

    def _take(self) -> list[Batch]:
        """What waits, in order; a batch that trims goes alone."""
        batches: list[Batch] = []
        size = 0
        while self._waiting and len(batches) < _MOST_TOGETHER and size < _MOST_BYTES:
            if self._waiting[0].trims and batches:
                break
            batches.append(self._waiting.popleft())
            size += batches[-1].size
            if batches[-1].trims:
                break
        if not self._waiting and not self._closed:
            self._wanted.clear()
        return batches

    async def _write_group(self, batches: list[Batch]) -> None:
        began = time.perf_counter()
        try:
            group = await self._attempts(batches)
        except Exception as failure:
            if len(batches) > 1 and not isinstance(failure, StoreUnavailable):
                for batch in batches:
                    await self._write_group([batch])
                return
            if not isinstance(failure, StoreUnavailable):
                log.debug("a commit was refused", exc_info=failure)
            group = Group(batches, is_unknown=isinstance(failure.__cause__, OutcomeUnknown))
            for batch in batches:
                batch.failure = failure
        self._count(group, time.perf_counter() - began)
        self._finished.put_nowait(group)

    async def _attempts(self, batches: list[Batch]) -> Group:
        """Raises StoreUnavailable, and what the server says against the contents."""
        pause = 0.0
        for attempts in itertools.count(1):
            try:
                group = await self._connection.write(batches)
            except OutcomeUnknown as unknown:
                self._lost(unknown)
                raise StoreUnavailable(_UNKNOWN) from unknown
            except Exception as failure:
                lost_against_others = isinstance(failure, Stale) or is_tried_again(failure)
                if not lost_against_others and not is_outage(failure):
                    raise
                is_late = time.monotonic() - batches[0].submitted > _PATIENCE_SECONDS
                if is_late and (attempts >= _FEWEST_ATTEMPTS or not lost_against_others):
                    raise self._unavailable(failure) from failure
                if lost_against_others:
                    await asyncio.sleep(random.random() * _LONGEST_YIELD)  # noqa: S311 - so that they do not meet again
                else:
                    self._lost(failure, attempts)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE) or _FIRST_PAUSE
            else:
                self._is_back()
                return group
        raise AssertionError

    def _lost(self, failure: BaseException, attempts: int = 1) -> None:
        """A connection that ends is made again, which is not worth a word; told is where that fails."""
        self._connection.drop()
        if attempts > 1 and not self._is_away:
            self._is_away = True
            log.error(
                "the database cannot be reached (%s): commits wait, and are refused after some seconds",
                failure,
            )

    def _is_back(self) -> None:
        if self._is_away:
            self._is_away = False
            log.warning("the database can be reached again")

    def _unavailable(self, failure: Exception) -> StoreUnavailable:
        return StoreUnavailable(_NO_ROOM.format(failure) if is_lack_of_room(failure) else _NOT_KEPT)

    def _count(self, group: Group, seconds: float) -> None:
        counts, size = self._counts, sum(batch.size for batch in group.written)
        counts.groups += 1
        counts.batches += len(group.batches)
        counts.changes += sum(len(batch.changes) for batch in group.batches)
        counts.failed += len(group.batches) - len(group.written)
        counts.bytes += size
        counts.seconds.observe(seconds)
        counts.group_bytes.observe(size)

    # Telling.

    async def _tell_all(self) -> None:
        while (group := await self._finished.get()) is not None:
            woken = False
            try:
                woken = await self._tell(group)
            except Exception:  # the commit is durable; its callers and the others hear so
                log.exception("what is kept in memory of the store may be behind it")
            self.under_way -= len(group.batches)
            # Who waits for an item runs first: a function gets its event before the client is answered.
            if woken:
                asyncio.get_running_loop().call_soon(answer, group)
            else:
                answer(group)
