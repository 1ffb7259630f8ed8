"""Keeps the bytes of blobs in the database, in chunks of 256 kB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from nightbus.store.postgres.blob_homes import PIECE
from nightbus.store.postgres.blob_rows import DATABASE_HOME, hold
from nightbus.store.postgres.patient_reads import PatientReader
from nightbus.store.postgres.retries import patiently

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.blob_rows import Connection

_CHUNK = 256 * 1024
_IN_A_PIECE = PIECE // _CHUNK
_DELETED_AT_ONCE = 256
_INSERT = "INSERT INTO blob_chunk SELECT $1, number, data FROM unnest($2::integer[], $3::bytea[]) AS cut (number, data)"


class DatabaseHome:
    """Implements `nightbus.store.postgres.blob_homes.BlobHome`."""

    name = DATABASE_HOME

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._reader = PatientReader(pool)

    async def write(self, content: int, pieces: AsyncIterator[bytes]) -> None:
        """The last transaction of a put waits for the disk, and with it for what these wrote (`blob_rows.finish`)."""
        number = 0
        async for piece in pieces:
            await patiently(partial(self._write_piece, content, number, piece))
            number += _IN_A_PIECE

    async def _write_piece(self, content: int, number: int, piece: bytes) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL synchronous_commit = off")
            await hold(connection, content)
            await insert(connection, content, number, piece)

    async def read(self, content: int) -> AsyncIterator[bytes]:
        number = 0
        while True:
            rows = await self._reader.fetch(
                "SELECT data FROM blob_chunk WHERE content = $1 AND number >= $2 AND number < $3 ORDER BY number",
                content,
                number,
                number + _IN_A_PIECE,
            )
            if not rows and number == 0:
                raise KeyError(content)
            if rows:
                yield rows[0][0] if len(rows) == 1 else b"".join([row[0] for row in rows])
            if len(rows) < _IN_A_PIECE:
                return
            number += _IN_A_PIECE

    async def delete(self, content: int) -> None:
        while await self._delete_some(content):
            pass

    async def _delete_some(self, content: int) -> bool:
        """Many chunks at once would hold the other statements of the connection up for seconds."""
        done = await self._reader.execute(
            "DELETE FROM blob_chunk WHERE content = $1 AND number IN"  # noqa: S608 - made of constants
            f" (SELECT number FROM blob_chunk WHERE content = $1 LIMIT {_DELETED_AT_ONCE})",
            content,
        )
        return int(done.rpartition(" ")[2]) == _DELETED_AT_ONCE


async def insert(connection: Connection, content: int, first: int, piece: bytes) -> None:
    """Write a piece as chunks with the numbers from `first` on; an empty blob has one empty chunk."""
    chunks = [piece[at : at + _CHUNK] for at in range(0, len(piece) or 1, _CHUNK)]
    await connection.execute(_INSERT, content, list(range(first, first + len(chunks))), chunks)
