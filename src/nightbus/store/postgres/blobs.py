"""Puts blobs into their home and opens them; deletes the bytes that no blob has any more.

A blob passes through the node in pieces of 1 MB, on the way in and on the way out. What is opened is a file on the
node's own disk (`blob_cache`), so a reader may seek in it, and it stays whole when the blob goes meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nightbus.bounded import Locks
from nightbus.store.interface import Blob, Change, ReleaseBlob, StoreUnavailable
from nightbus.store.postgres import blob_rows
from nightbus.store.postgres.blob_cache import BlobCache
from nightbus.store.postgres.blob_homes import PIECE, BlobHome
from nightbus.store.postgres.blob_homes.bucket import BucketHome
from nightbus.store.postgres.blob_homes.database import DatabaseHome, insert
from nightbus.store.postgres.blob_homes.folder import FolderHome
from nightbus.store.postgres.blob_homes.places import BlobPlaces
from nightbus.store.postgres.patient_reads import PatientReader
from nightbus.store.postgres.retries import patiently

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_SWEEP_SECONDS = 600.0
_RENEW_SECONDS = 60.0
_TRIES = 3


class MissingHome(StoreUnavailable):
    """A blob lies in a home that this node's settings do not name."""


class Blobs:
    """`home` takes the new blobs, the database where it is None. `open` starts what sweeps, `close` ends it."""

    def __init__(self, pool: asyncpg.Pool, cache: BlobCache, home: BlobHome | None = None) -> None:
        self._pool = pool
        self._reader = PatientReader(pool)
        self._cache = cache
        database = DatabaseHome(pool)
        self._home: BlobHome = home or database
        self._homes: dict[str, BlobHome] = {one.name: one for one in (database, self._home)}
        self._failed: list[int] = []  # contents of puts that are to be given up
        self._released: list[str] = []  # digests whose copies may not be needed any more
        self._opening: Locks[str] = Locks()
        self._left = asyncio.Event()  # there are bytes to be deleted
        self._sweeping: asyncio.Task[None] | None = None

    @classmethod
    async def at(cls, places: BlobPlaces, pool: asyncpg.Pool) -> Blobs:
        """Raises OtherFolder, OSError."""
        home: BlobHome | None = None
        if isinstance(places.home, Path):
            home = FolderHome(places.home)
            async with pool.acquire() as connection:
                await home.check(connection)
        elif places.home is not None:
            home = BucketHome(places.home)
        return cls(pool, BlobCache(places.cache, places.cache_bytes), home)

    async def open(self) -> None:
        await asyncio.to_thread(self._cache.open)
        elsewhere = await blob_rows.other_homes(self._pool, list(self._homes))
        if elsewhere:
            log.warning(
                "blobs of this cluster lie in the home %s, which this node's setting blobs does not name: it cannot"
                " open them; give all nodes the same NIGHTBUS_BLOBS",
                ", ".join(elsewhere),
            )
        self._sweeping = asyncio.create_task(self._sweep_on())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)

    async def put(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        """See `Store.put_blob`. Raises also OSError of the home, and what the driver does."""
        if isinstance(data, bytes | bytearray | memoryview):
            return await self._put_bytes(bytes(data))
        pieces = _cut(data)
        first = await anext(pieces, b"")
        if len(first) < PIECE:
            return await self._put_bytes(first)
        return await self._put_pieces(_joined(first, pieces))

    async def _put_bytes(self, data: bytes) -> Blob:
        blob = await asyncio.to_thread(_described, data)
        if await blob_rows.pin(self._reader, blob.digest):
            return blob
        if len(data) <= PIECE and isinstance(self._home, DatabaseHome):
            await patiently(lambda: self._put_at_once(blob, data))
            return blob
        return await self._put_pieces(_pieces(data))

    async def _put_at_once(self, blob: Blob, data: bytes) -> None:
        content = blob_rows.new_content()
        async with self._pool.acquire() as connection, connection.transaction():
            if await blob_rows.put(connection, blob, content, self._home.name):
                await insert(connection, content, 0, data)

    async def _put_pieces(self, pieces: AsyncIterator[bytes]) -> Blob:
        content, measure = blob_rows.new_content(), _Measure()
        await blob_rows.begin(self._reader, content, self._home.name)
        try:
            async with self._renewing(content):
                await self._home.write(content, measure.through(pieces))
            blob = measure.blob()
            await patiently(lambda: self._finish(blob, content))
        except BaseException:
            self._failed.append(content)
            self._left.set()
            raise
        return blob

    async def _finish(self, blob: Blob, content: int) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            if not await blob_rows.finish(connection, blob, content, self._home.name):
                self._left.set()

    @contextlib.asynccontextmanager
    async def _renewing(self, content: int) -> AsyncIterator[None]:
        """While a put goes on, however slowly, its bytes are not swept."""

        async def renew() -> None:
            while True:
                await asyncio.sleep(_RENEW_SECONDS)
                with contextlib.suppress(Exception):  # the put fails at its end, if it must
                    await blob_rows.renew(self._pool, content)

        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()

    async def open_blob(self, digest: str) -> BinaryIO:
        """See `Store.open_blob`. Raises also MissingHome, DamagedBlob, OSError, and what the driver does."""
        async with self._opening.holding(digest):
            for _ in range(_TRIES):
                row = await blob_rows.find(self._reader, digest)
                if row is None:
                    raise KeyError(digest)
                copy = self._cache.find(digest, row.size)
                if copy is not None:
                    return copy
                home = self._homes.get(row.home)
                if home is None:
                    raise MissingHome(
                        f"the blob {digest} lies in the home {row.home!r}, which this node's settings do not name"
                    )
                with contextlib.suppress(KeyError):  # the blob went, and may have been put again
                    return await self._cache.take(digest, row.size, lambda: home.read(row.content))  # noqa: B023
        raise KeyError(digest)

    def committed(self, changes: Sequence[Change]) -> None:
        """The changes of a commit of this node: those that release blobs leave bytes that nobody needs."""
        released = [change.digest for change in changes if isinstance(change, ReleaseBlob)]
        if released:
            self._released += released
            self._left.set()

    async def _sweep_on(self) -> None:
        while True:
            self._left.clear()
            try:
                await self.sweep()
            except Exception as failure:
                if not isinstance(failure, StoreUnavailable):
                    log.error(
                        "blobs that nobody owns could not be deleted: %s: %s", type(failure).__name__, failure
                    )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SWEEP_SECONDS):
                    await self._left.wait()

    async def sweep(self) -> None:
        """Delete what was put and never kept, and the bytes that belong to no blob."""
        if self._released:
            released, self._released = self._released, []
            await asyncio.to_thread(self._cache.forget, released)
        if self._failed:
            failed = list(self._failed)
            await blob_rows.give_up(self._pool, failed)
            del self._failed[: len(failed)]
        while await patiently(self._drop_forgotten):
            pass
        while found := await blob_rows.leftovers(self._pool, list(self._homes)):
            for content, home in found:
                await self._homes[home].delete(content)
                await blob_rows.deleted(self._reader, content)

    async def _drop_forgotten(self) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            return await blob_rows.drop_forgotten(connection)

    def in_memory(self) -> dict[str, int]:
        return {
            "blobs being opened": len(self._opening),
            "puts to be given up": len(self._failed),
            **self._cache.in_memory(),
        }


class _Measure:
    """Takes the hashes and the size of what passes through."""

    def __init__(self) -> None:
        self._sha, self._md5, self._size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0

    async def through(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            await asyncio.to_thread(self.add, piece)
            yield piece

    def add(self, piece: bytes) -> None:
        self._sha.update(piece)
        self._md5.update(piece)
        self._size += len(piece)

    def blob(self) -> Blob:
        return Blob(self._sha.hexdigest(), self._size, self._md5.hexdigest())


def _described(data: bytes) -> Blob:
    measure = _Measure()
    measure.add(data)
    return measure.blob()


async def _cut(data: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of PIECE bytes, and a shorter one at the end."""
    waiting = bytearray()
    async for chunk in data:
        waiting += chunk
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    if waiting:
        yield bytes(waiting)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data) or 1, PIECE):
        yield data[at : at + PIECE]


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
