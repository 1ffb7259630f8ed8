"""How are the four primitives kept on one machine? In one SQLite file and a folder of blobs.

Point reads run on the event loop (microseconds, no lock is taken against the writer in WAL mode); ranges go to a
reader thread; everything that writes goes through the writer's thread.
"""

from __future__ import annotations

import asyncio
import builtins
import heapq
import threading
from collections.abc import AsyncIterable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import orjson

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.store.blobs import BlobFolder
from nightbus.store.folder import FolderInUse, FolderLock
from nightbus.store.interface import (
    Acknowledge,
    Blob,
    Change,
    Enqueue,
    Entry,
    GiveBack,
    Item,
    KeepBlob,
    Record,
)
from nightbus.store.leases import Leases
from nightbus.store.names import Names, look_up, scope_of, scope_text
from nightbus.store.schema import NewerSchema, connect, prepare
from nightbus.store.writer import Writer

__all__ = ["FolderInUse", "NewerSchema", "SqliteStore"]

T = TypeVar("T")
_CHECKPOINT_BYTES = 16 * 1024 * 1024


class SqliteStore:
    """Implements `nightbus.store.interface.Store`."""

    def __init__(self, folder: Path, clock: Clock, durable: bool, lock: FolderLock) -> None:
        self._clock = clock
        self._lock = lock
        self._folder = folder
        self._write_connection = connect(folder, durable)
        prepare(self._write_connection, folder)
        self._loop_reader = connect(folder, durable, read_only=True)
        self._range_reader = connect(folder, durable, read_only=True)
        self._side = connect(folder, durable)
        self._side_lock = threading.Lock()
        self._readers = ThreadPoolExecutor(1, "nightbus-store-reader")
        self._background = ThreadPoolExecutor(1, "nightbus-store-background")
        self._blobs = BlobFolder(folder / "blobs", durable)
        self._leases = Leases()
        self._checkpointing = False
        self._closed = False
        self._writer = Writer(
            self._write_connection,
            Names(self._write_connection),
            self._committed,
            self._released,
            self._checkpoint_if_large,
        )
        self._background.submit(self._blobs.sweep, self._is_owned)

    @classmethod
    def open(cls, folder: Path, clock: Clock, durable: bool = True) -> SqliteStore:
        """Raises FolderInUse, NewerSchema."""
        lock = FolderLock.acquire(folder)
        try:
            return cls(folder, clock, durable, lock)
        except BaseException:
            lock.release()
            raise

    async def commit(self, *changes: Change) -> None:
        if changes:
            await self._writer.submit(changes)

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        row = self._loop_reader.execute(
            "SELECT value, revision FROM record WHERE kind = ? AND scope = ? AND key = ?",
            (kind, scope_text(scope), key),
        ).fetchone()
        return Record(key, orjson.loads(row[0]), row[1]) if row else None

    async def list(
        self, scope: Scope, kind: str, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        query = "SELECT key, value, revision FROM record WHERE kind = ? AND scope = ? AND key > ?"
        values: builtins.list[Any] = [kind, scope_text(scope), after]
        if prefix:
            query += " AND key >= ?"
            values.append(prefix)
            end = _after_prefix(prefix)
            if end is not None:
                query += " AND key < ?"
                values.append(end)
        query += " ORDER BY key LIMIT ?"
        values.append(-1 if limit is None else limit)
        rows = await self._range(query, values)
        return [Record(key, orjson.loads(value), revision) for key, value, revision in rows]

    async def scopes(self, kind: str) -> builtins.list[Scope]:
        rows = await self._range("SELECT DISTINCT scope FROM record WHERE kind = ?", [kind])
        return [scope_of(text) for (text,) in rows]

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
        names = [logs] if isinstance(logs, str) else list(logs)
        by_time = not isinstance(logs, str)
        conditions, values = _conditions(after, since, until, key, backwards)
        direction = "DESC" if backwards else "ASC"
        order = f"time {direction}, position {direction}" if by_time else f"position {direction}"
        query = (
            f"SELECT position, time, key, data FROM entry WHERE log = ?{conditions} ORDER BY {order} LIMIT ?"  # noqa: S608
        )

        def work() -> builtins.list[Entry]:
            found = [self._entries(scope, name, query, values, limit) for name in names]
            if len(found) == 1:
                return found[0]
            merged = heapq.merge(*found, key=lambda entry: (entry.time, entry.offset), reverse=backwards)
            return [entry for entry, _ in zip(merged, range(limit), strict=False)]

        return await self._in_reader(work)

    def _entries(
        self, scope: Scope, log: str, query: str, values: builtins.list[Any], limit: int
    ) -> builtins.list[Entry]:
        number = look_up(self._range_reader, scope, "log", log)
        if number is None:
            return []
        rows = self._range_reader.execute(query, [number, *values, limit])
        return [Entry(log, position, time, data, key) for position, time, key, data in rows]

    async def logs(self, scope: Scope, prefix: str = "") -> builtins.list[str]:
        rows = await self._range(
            "SELECT name FROM name WHERE scope = ? AND kind = 'log' AND substr(name, 1, ?) = ?"
            " AND EXISTS (SELECT 1 FROM entry WHERE entry.log = name.id) ORDER BY name",
            [scope_text(scope), len(prefix), prefix],
        )
        return [name for (name,) in rows]

    async def lease(
        self, scope: Scope, queue: str, limit: int, lease_ms: int, wait: float = 0.0
    ) -> builtins.list[Item]:
        name = (scope, queue)
        deadline = self._clock.monotonic() + wait
        while not self._closed:
            woken = self._leases.wait(name)
            try:
                found, next_due = await self._take(scope, queue, limit, lease_ms)
                rest = deadline - self._clock.monotonic()
                if found or rest <= 0:
                    return found
                if next_due is not None:
                    rest = min(rest, max(0.001, (next_due - self._clock.now_ms()) / 1000))
                await self._woken_within(woken, rest)
            finally:
                woken.cancel()
        return []

    async def _woken_within(self, woken: asyncio.Future[None], seconds: float) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({woken, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()

    async def _take(
        self, scope: Scope, queue: str, limit: int, lease_ms: int
    ) -> tuple[builtins.list[Item], int | None]:
        """What is due and free now, and when the next may be."""
        now = self._clock.now_ms()
        leased = self._leases.leased((scope, queue), now)
        wanted = limit + len(leased)
        rows = await self._in_reader(lambda: self._due(scope, queue, wanted))
        now = self._clock.now_ms()
        leased = self._leases.leased((scope, queue), now)
        free = [row for row in rows if row[0] not in leased]
        due = [row for row in free if row[1] <= now][:limit]
        items = [
            Item(item, data, when, self._leases.take((scope, queue), item, now + lease_ms))
            for item, when, data in due
        ]
        times = [row[1] for row in free[len(due) :]] + list(leased.values())
        return items, min(times, default=None)

    def _due(self, scope: Scope, queue: str, limit: int) -> builtins.list[tuple[int, int, bytes]]:
        number = look_up(self._range_reader, scope, "queue", queue)
        if number is None:
            return []
        rows: builtins.list[tuple[int, int, bytes]] = self._range_reader.execute(
            "SELECT id, due, data FROM item WHERE queue = ? ORDER BY due, id LIMIT ?", (number, limit + 1)
        ).fetchall()
        return rows

    async def put_blob(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        return await self._blobs.put(data)

    def blob_path(self, digest: str) -> Path:
        return self._blobs.path(digest)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._leases.wake_all()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._background.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        for connection in (self._loop_reader, self._range_reader, self._side):
            connection.close()
        self._write_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._write_connection.close()
        self._lock.release()

    async def _range(self, query: str, values: builtins.list[Any]) -> builtins.list[Any]:
        return await self._in_reader(lambda: self._range_reader.execute(query, values).fetchall())

    async def _in_reader(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def _committed(self, changes: Sequence[Change]) -> None:
        """On the event loop, before the caller of the commit goes on."""
        for change in changes:
            match change:
                case Enqueue():
                    self._leases.wake((change.scope, change.queue))
                case Acknowledge():
                    self._leases.done(change.item)
                case GiveBack():
                    self._leases.given_back(change.item)
                case KeepBlob():
                    self._blobs.kept(change.digest)

    def _released(self, digest: str) -> None:
        self._background.submit(self._blobs.drop, digest, self._is_owned)

    def _is_owned(self, digest: str) -> bool:
        with self._side_lock:
            query = "SELECT 1 FROM blob_owner WHERE digest = ? LIMIT 1"
            return self._side.execute(query, (digest,)).fetchone() is not None

    def _checkpoint_if_large(self) -> None:
        """On the writer's thread after each group: hands a large WAL to the background."""
        wal = self._folder / "nightbus.db-wal"
        if self._checkpointing or not wal.exists() or wal.stat().st_size < _CHECKPOINT_BYTES:
            return
        self._checkpointing = True
        self._background.submit(self._checkpoint)

    def _checkpoint(self) -> None:
        try:
            with self._side_lock:
                self._side.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._checkpointing = False


def _conditions(
    after: int, since: int | None, until: int | None, key: str | None, backwards: bool
) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if after:
        conditions.append("position < ?" if backwards else "position > ?")
        values.append(after)
    for text, value in (("time >= ?", since), ("time < ?", until), ("key = ?", key)):
        if value is not None:
            conditions.append(text)
            values.append(value)
    return "".join(f" AND {condition}" for condition in conditions), values


def _after_prefix(prefix: str) -> str | None:
    """The smallest text after all that begin with `prefix`, in the order of UTF-8 bytes."""
    for at in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[at])
        if point < 0x10FFFF:
            following = 0xE000 if point + 1 == 0xD800 else point + 1
            return prefix[:at] + chr(following)
    return None
