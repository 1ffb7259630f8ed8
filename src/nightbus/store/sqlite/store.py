"""Keeps the four primitives on one machine: in one SQLite file and a folder of blobs.

Point reads and leases run on the event loop (microseconds; in WAL mode no reader waits for the writer); ranges go to a
reader thread, those over many logs or whole queues to another one; everything that writes goes through the writer's
thread.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
import sqlite3
import threading
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Concatenate, ParamSpec, TypeVar

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.counters import CommitCounts
from nightbus.store.duties import is_duty
from nightbus.store.feed import Feed
from nightbus.store.folder import FolderInUse, FolderLock
from nightbus.store.interface import (
    SYSTEM,
    Blob,
    Change,
    Counts,
    Entry,
    Item,
    KeepBlob,
    Lease,
    Listener,
    QueuedItem,
    QueueName,
    Record,
    ReleaseBlob,
)
from nightbus.store.ranges import Range
from nightbus.store.sqlite import reads
from nightbus.store.sqlite.account_contents import contents_of_account
from nightbus.store.sqlite.blobs import BlobFolder
from nightbus.store.sqlite.checkpoints import Checkpoints, log_size
from nightbus.store.sqlite.names import Names
from nightbus.store.sqlite.queue_times import extend_leases, next_time, to_be_woken, worked_on
from nightbus.store.sqlite.queues import QueueLeases
from nightbus.store.sqlite.schema import NewerSchema, connect, keep_due, prepare
from nightbus.store.sqlite.writer import Writer

__all__ = ["FolderInUse", "NewerSchema", "SqliteStore"]

log = logging.getLogger("nightbus.store")
_FEW_LOGS = 16  # that are merged among the short reads
T = TypeVar("T")
P = ParamSpec("P")


class SqliteStore:
    """Implements `nightbus.store.interface.Store`."""

    def __init__(
        self, folder: Path, clock: Clock, durable: bool, lock: FolderLock, counts: CommitCounts, inline: bool
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._writing = connect(folder, durable)
        prepare(self._writing, folder)
        keep_due(self._writing, clock.now_ms())
        self._loop_reader = connect(folder, durable, read_only=True)
        self._range_reader = connect(folder, durable, read_only=True)
        self._long_reader = connect(folder, durable, read_only=True)
        self._side = connect(folder, durable)
        self._side_lock = threading.Lock()
        self._reader = ThreadPoolExecutor(1, "nightbus-store-reader")
        self._long_reads = ThreadPoolExecutor(1, "nightbus-store-long-reader")
        self._background = ThreadPoolExecutor(2, "nightbus-store-background")
        self._blobs = BlobFolder(folder / "blobs", durable)
        self._feed = Feed()
        self._queues = QueueLeases(self._loop_reader)
        self._ordering: dict[QueueName, asyncio.Future[None]] = {}
        self._closed = False
        self._inline = inline
        checkpoints = Checkpoints(self._writing, self._background, self._checkpoint)
        self._names = Names(self._writing)
        self._writer = Writer(
            self._writing,
            self._names,
            self._blobs,
            self._written,
            checkpoints.after_group,
            checkpoints.make_room,
            clock.now_ms,
            counts,
            inline=inline,
        )
        self._background.submit(self._blobs.sweep, self._is_owned)

    @classmethod
    def open(
        cls,
        folder: Path,
        clock: Clock,
        durable: bool = True,
        counts: CommitCounts | None = None,
        *,
        inline: bool = False,
    ) -> SqliteStore:
        """`counts` takes the numbers of its commits. `inline`: short reads and commits are done on the event loop, not
        by threads, for a test's node that has little to store. Raises FolderInUse, NewerSchema."""
        lock = FolderLock.acquire(folder)
        try:
            return cls(folder, clock, durable, lock, counts or CommitCounts(), inline)
        except BaseException:
            lock.release()
            raise

    def announce(self, port: int) -> None:
        """Note where this node listens, for whoever finds the folder in use."""
        self._lock.announce(port)

    def watch(
        self, listener: Listener, kinds: Collection[str] = (), *, queues: bool = False, logs: bool = False
    ) -> Callable[[], None]:
        return self._feed.watch(listener, kinds, queues=queues, logs=logs)

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        """Also raises KeyError for a KeepBlob of bytes that are not there, StoreClosed, sqlite3.Error (disk full)."""
        if changes:
            self._queues.check_leases(changes)
            await self._writer.submit(changes, self._settle, patience)

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        return reads.get(self._loop_reader, scope, kind, key)

    async def list(
        self, scope: Scope, kind: str, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        return await self._in_reader(reads.records, scope, kind, prefix, after, limit)

    async def count_records(self, scope: Scope, kind: str) -> int:
        return await self._in_reader(reads.count_records, scope, kind)

    async def scopes(self, kind: str) -> builtins.list[Scope]:
        return await self._in_reader(reads.scopes, kind)

    async def read(
        self,
        scope: Scope,
        logs: str | Sequence[str],
        *,
        after: int = 0,
        since: int | None = None,
        until: int | None = None,
        key: str | None = None,
        limit: int = 1000,
        backwards: bool = False,
    ) -> builtins.list[Entry]:
        selection = Range(after, since, until, key, limit, backwards)
        if isinstance(logs, str):
            return await self._in_reader(reads.entries, scope, logs, selection)
        names = tuple(logs)
        read = self._in_reader if len(names) <= _FEW_LOGS else self._in_long_reader
        return await read(reads.merged_entries, scope, names, selection)

    async def log_sizes(self, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
        return await self._in_reader(reads.log_sizes, scope, log, step_ms)

    async def logs(self, scope: Scope, prefix: str = "") -> builtins.list[str]:
        return await self._in_reader(reads.logs, scope, prefix)

    async def log_scopes(self) -> builtins.list[Scope]:
        return await self._in_reader(reads.log_scopes)

    async def lease(
        self, scope: Scope, queue: str, limit: int, lease_ms: int, wait: float = 0.0, by_group: bool = False
    ) -> builtins.list[Item]:
        name = QueueName(scope, queue)
        if by_group and not self._queues.is_ordered(name):
            await self._order_by_group(name)
        items, next_time = self._take(name, limit, lease_ms, by_group)
        if items or wait <= 0:
            return items
        deadline = self._clock.monotonic() + wait
        while not self._closed:
            rest = deadline - self._clock.monotonic()
            if rest <= 0:
                break
            if next_time is not None:
                rest = min(rest, max(0.001, self._clock.until(next_time)))
            woken = self._queues.wait(name)  # nothing was awaited since the queue was looked at
            try:
                await self._woken_within(woken, rest)
            finally:
                woken.cancel()
            items, next_time = self._take(name, limit, lease_ms, by_group)
            if items:
                return items
        return []

    async def _order_by_group(self, name: QueueName) -> None:
        """Read the items of a queue that is leased by group, once, on the reader's thread: there may be many."""
        reading = self._ordering.get(name)
        if reading is None:
            reading = self._ordering[name] = asyncio.ensure_future(self._read_groups(name))
            reading.add_done_callback(lambda _: self._ordering.pop(name, None))
        await asyncio.shield(reading)

    async def _read_groups(self, name: QueueName) -> None:
        self._queues.read_ahead(name)
        order = None
        try:
            order = await self._in_long_reader(self._queues.read_order, name, self._clock.now_ms())
        finally:
            self._queues.order_by_group(name, order)

    def _take(
        self, name: QueueName, limit: int, lease_ms: int, by_group: bool
    ) -> tuple[builtins.list[Item], int | None]:
        if self._closed:
            return [], None
        return self._queues.take(name, limit, self._clock.now_ms(), lease_ms, by_group)

    async def lease_one(
        self, scope: Scope, queue: str, item: int, lease_ms: int, group: str | None = None
    ) -> Item | None:
        name = QueueName(scope, queue)
        if group is not None and not self._queues.is_ordered(name):
            await self._order_by_group(name)
        if self._closed:
            return None
        return self._queues.take_one(name, item, self._clock.now_ms(), lease_ms, group)

    async def peek(
        self,
        scope: Scope,
        queue: str,
        limit: int,
        *,
        beyond: tuple[int, int] | None = None,
        backwards: bool = False,
        items: Collection[int] | None = None,
    ) -> builtins.list[QueuedItem]:
        found = await self._in_reader(reads.items, scope, queue, limit, beyond, backwards, items)
        return self._queues.seen(QueueName(scope, queue), found, self._clock.now_ms())

    async def lease_again(
        self, scope: Scope, queue: str, item: int, token: int, lease_ms: int, data: bytes | None = None
    ) -> Item | None:
        name = QueueName(scope, queue)
        return self._queues.lease_again(name, item, token, self._clock.now_ms(), lease_ms, data)

    async def change_lease(
        self,
        scope: Scope,
        queue: str,
        item: int,
        ends: int,
        token: int | None = None,
        *,
        renewed: bool = False,
    ) -> bool:
        return self._queues.change_lease(QueueName(scope, queue), item, ends, token, renewed=renewed)

    async def newest_lease(self, scope: Scope, queue: str, item: int) -> Lease | None:
        return self._queues.newest_lease(QueueName(scope, queue), item)

    async def count(self, scope: Scope, queue: str) -> Counts:
        now = self._clock.now_ms()
        due, delayed = await self._in_reader(reads.count_items, scope, queue, now)
        leased = self._queues.leased(QueueName(scope, queue), now)
        return Counts(max(0, due - leased), leased, delayed)

    async def leased(self, scope: Scope, queue: str, most: int) -> int:
        return min(most, self._queues.leased(QueueName(scope, queue), self._clock.now_ms()))

    async def oldest_due(self, scope: Scope, queue: str) -> int | None:
        return await self._in_reader(reads.oldest_due, scope, queue, self._clock.now_ms())

    def untaken(self, scope: Scope, queue: str) -> int:
        return self._queues.untaken(QueueName(scope, queue), self._clock.now_ms())

    async def _woken_within(self, woken: asyncio.Future[None], seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.pause(seconds))
        sleeping.add_done_callback(lambda _: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            sleeping.cancel()

    def under_way(self) -> dict[str, int]:
        """How many commits wait for the disk, and of each of the node's own queues how many items are worked on.
        Without the duties, which last as long as the node runs."""
        counts = {"commits": self._writer.under_way}
        for name, count in worked_on(self._queues.orders, self._clock.now_ms()).items():
            if name.scope == SYSTEM and not is_duty(name):
                counts[name.queue] = count
        return {name: count for name, count in counts.items() if count}

    def next_time(self) -> int | None:
        """When (UTC ms), in the future, an item is due in a queue that somebody waits for."""
        return next_time(self._queues.orders, self._queues.waited_for, self._clock.now_ms())

    def jumped(self, by_ms: int) -> None:
        """To be called when the clock went forward by `by_ms` at once, as only a test's does."""
        orders, waited_for = self._queues.orders, self._queues.waited_for
        extend_leases(orders, SYSTEM, by_ms)
        self._queues.wake(to_be_woken(orders, waited_for, SYSTEM, self._clock.now_ms()))

    async def forget_account(self, account: str) -> None:
        """Delete everything that is kept of an account, and the node's work for it, in one commit.

        The work is found by the account's id in it, which is a random one; so this is for tests.
        """
        await self.commit(*await self._in_long_reader(contents_of_account, account))

    async def put_blob(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        return await self._blobs.put(data)

    async def open_blob(self, digest: str) -> BinaryIO:
        return self._blobs.open(digest)

    async def rows(self) -> dict[str, int]:
        return await self._in_reader(reads.rows)

    def in_memory(self) -> dict[str, int]:
        return {
            **self._names.in_memory(),
            **self._writer.in_memory(),
            **self._queues.in_memory(),
            **self._feed.in_memory(),
            "blobs not kept yet": self._blobs.pinned,
        }

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queues.wake(list(self._queues.waited_for))
        await asyncio.to_thread(self._stop_threads)
        for connection in (self._loop_reader, self._range_reader, self._long_reader, self._side):
            connection.close()
        try:
            await asyncio.to_thread(self._writing.execute, "PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as failure:  # a full disk: all is in the write-ahead log, for the next start
            log.warning("what is committed stays in the write-ahead log: %s", failure)
        self._writing.close()
        self._lock.release()

    def _stop_threads(self) -> None:
        self._writer.close()
        self._blobs.stop_sweep()
        self._background.shutdown(wait=True)
        self._reader.shutdown(wait=True)
        self._long_reads.shutdown(wait=True)

    async def _in_long_reader(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """On a thread of its own, so that the short reads of others do not wait for it."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._long_reads, lambda: work(self._long_reader, *args, **kwargs))

    async def _in_reader(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._inline:
            return work(self._range_reader, *args, **kwargs)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, lambda: work(self._range_reader, *args, **kwargs))

    def _written(self, changes: Sequence[Change]) -> None:
        """On the writer's thread, after the commit."""
        for change in changes:
            if type(change) is ReleaseBlob:
                self._background.submit(self._blobs.drop, change.digest, self._is_owned)
            elif type(change) is KeepBlob:
                self._background.submit(self._blobs.drop_forgotten, self._is_owned)

    def _settle(self, changes: Sequence[Change], first_item: int) -> bool:
        """On the event loop, before the caller of the commit goes on. Whether it woke who waits for an item."""
        rest = self._queues.settle(changes, first_item)
        for change in rest:
            if type(change) is KeepBlob:
                self._blobs.kept(change.digest)
        self._feed.committed(changes, collected=not rest)
        return self._queues.has_woken

    def _is_owned(self, digest: str) -> bool:
        with self._side_lock:
            query = "SELECT 1 FROM blob_owner WHERE digest = ? LIMIT 1"
            return self._side.execute(query, (digest,)).fetchone() is not None

    def _checkpoint(self) -> int:
        with self._side_lock:
            return log_size(self._side.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())
