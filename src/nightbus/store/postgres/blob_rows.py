"""Keeps the rows of blobs: what is there and where, who owns it, and which bytes belong to no blob.

A blob has one row, by its digest. Its bytes lie under `content`, a number that no other bytes ever have, so whoever
deletes bytes takes none from a blob that was put again meanwhile.

`pins` counts the puts that no commit has kept yet; it protects the blob for an hour after the newest put. The commit
that takes the last owner away drops the row, unless it is pinned, under a lock that a KeepBlob takes too. Bytes
without a row have one in `blob_leftover` from before they are written until after they are deleted; a put that is
under way takes it away when it is done. So a node that is killed at any moment leaves nothing that no sweep finds.

Times are the database's own, since nodes' clocks differ.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightbus.store.interface import Blob, StoreUnavailable

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.patient_reads import PatientReader

    Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
    Reader = asyncpg.Pool | PatientReader | Connection

DATABASE_HOME = "database"
_PINNED_MS = 3_600_000
_UPLOAD_MS = 3_600_000  # for which bytes without a row are kept, since a put last renewed them
_MARGIN_MS = 600_000  # between when a put is too late and when its bytes are swept: so none does both at once
_MOST_AT_ONCE = 100
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class UploadExpired(StoreUnavailable):
    """A put stood still for so long that its bytes were swept, or the database lost some of them when it changed."""

    def __init__(self) -> None:
        super().__init__("The upload was not kept. Nothing was changed.")


@dataclass(frozen=True, slots=True)
class BlobRow:
    size: int
    home: str
    content: int


def new_content() -> int:
    """A number for bytes that are about to be written."""
    return secrets.randbits(62)


async def find(reader: Reader, digest: str) -> BlobRow | None:
    if "\0" in digest:
        return None
    row = await reader.fetchrow("SELECT size, home, content FROM blob WHERE digest = $1", digest)
    return None if row is None else BlobRow(*row)


async def pin(reader: Reader, digest: str) -> bool:
    """Protect the blob from sweeps until a commit keeps it, for an hour at most; False where there is none."""
    done = await reader.execute(
        f"UPDATE blob SET pins = pins + 1, put_at = {_NOW} WHERE digest = $1",  # noqa: S608
        digest,
    )
    return bool(done == "UPDATE 1")


async def begin(reader: Reader, content: int, home: str) -> None:
    """Bytes are about to be written that have no row yet."""
    await reader.execute(
        f"INSERT INTO blob_leftover (content, home, kept_until) VALUES ($1, $2, {_NOW} + {_UPLOAD_MS})"  # noqa: S608
        " ON CONFLICT DO NOTHING",
        content,
        home,
    )


async def renew(reader: Reader, content: int) -> None:
    """The bytes are still being written. Raises UploadExpired."""
    done = await reader.execute(
        f"UPDATE blob_leftover SET kept_until = {_NOW} + {_UPLOAD_MS}"  # noqa: S608
        f" WHERE content = $1 AND kept_until > {_NOW}",
        content,
    )
    if done != "UPDATE 1":
        raise UploadExpired


async def hold(connection: Connection, content: int) -> None:
    """Within a transaction: its end comes before that of the bytes. Raises UploadExpired."""
    held = await connection.fetchval(
        f"SELECT 1 FROM blob_leftover WHERE content = $1 AND kept_until > {_NOW} FOR KEY SHARE",  # noqa: S608
        content,
    )
    if not held:
        raise UploadExpired


async def finish(connection: Connection, blob: Blob, content: int, home: str) -> bool:
    """Within a transaction: what was written is the blob, pinned. False where it was there already: then it is left
    over.

    Raises UploadExpired, also where a database that took over did not get all of the bytes.
    """
    done = await connection.execute(
        f"DELETE FROM blob_leftover WHERE content = $1 AND kept_until > {_NOW}",  # noqa: S608
        content,
    )
    if done != "DELETE 1":
        raise UploadExpired
    if home == DATABASE_HOME:
        written = await connection.fetchval(
            "SELECT coalesce(sum(octet_length(data)), 0)::bigint FROM blob_chunk WHERE content = $1", content
        )
        if written != blob.size:
            raise UploadExpired
    taken = await put(connection, blob, content, home)
    if not taken:
        await leave(connection, [content], [home])
    return taken


async def put(connection: Connection, blob: Blob, content: int, home: str) -> bool:
    """Whether these are the bytes of the blob now; False where it had others already. It is pinned in any case."""
    standing = await connection.fetchval(
        "INSERT INTO blob (digest, size, md5, home, content, pins, put_at)"  # noqa: S608
        f" VALUES ($1, $2, $3, $4, $5, 1, {_NOW})"
        " ON CONFLICT (digest) DO UPDATE SET pins = blob.pins + 1, put_at = excluded.put_at RETURNING content",
        blob.digest,
        blob.size,
        blob.md5,
        home,
        content,
    )
    return bool(standing == content)


async def leave(connection: Connection, contents: Collection[int], homes: Collection[str]) -> None:
    """These bytes belong to no blob from now on: the next sweep deletes them."""
    await connection.execute(
        "INSERT INTO blob_leftover (content, home, kept_until)"
        " SELECT content, home, 0 FROM unnest($1::bigint[], $2::text[]) AS dropped (content, home)",
        list(contents),
        list(homes),
    )


async def lock(connection: Connection, digests: Collection[str]) -> set[str]:
    """Those of the blobs that are there, which nobody else keeps or drops until the transaction ends."""
    rows = await connection.fetch(
        "SELECT digest FROM blob WHERE digest = ANY($1::text[]) ORDER BY digest FOR UPDATE",
        [digest for digest in digests if "\0" not in digest],
    )
    return {row[0] for row in rows}


async def settle(connection: Connection, kept: Collection[str], released: Collection[str]) -> None:
    """After `lock`, and after the owners were written. Each of `kept` takes one pin away; of `released`, those go that
    have neither an owner nor a pin. Both may name a digest more than once."""
    if kept:
        await connection.execute(
            "UPDATE blob SET pins = greatest(0, pins - kept.times) FROM (SELECT digest, count(*)::integer AS times"
            " FROM unnest($1::text[]) AS named (digest) GROUP BY digest) AS kept WHERE blob.digest = kept.digest",
            list(kept),
        )
    if released:
        await _drop(connection, released)


async def _drop(connection: Connection, digests: Collection[str]) -> None:
    gone = await connection.fetch(
        "DELETE FROM blob WHERE digest = ANY($1::text[])"  # noqa: S608
        f" AND (pins = 0 OR put_at < {_NOW} - {_PINNED_MS})"
        " AND NOT EXISTS (SELECT 1 FROM blob_owner WHERE blob_owner.digest = blob.digest) RETURNING content, home",
        list(digests),
    )
    if gone:
        await leave(connection, [row[0] for row in gone], [row[1] for row in gone])


async def drop_forgotten(connection: Connection) -> int:
    """Within a transaction: drop what was put long ago and never kept. How many were looked at."""
    rows = await connection.fetch(
        f"SELECT digest FROM blob WHERE pins > 0 AND put_at < {_NOW} - {_PINNED_MS}"  # noqa: S608
        f" ORDER BY put_at LIMIT {_MOST_AT_ONCE} FOR UPDATE SKIP LOCKED"
    )
    digests = [row[0] for row in rows]
    if digests:
        await _drop(connection, digests)
        await connection.execute("UPDATE blob SET pins = 0 WHERE digest = ANY($1::text[])", digests)
    return len(digests)


async def give_up(reader: Reader, contents: Collection[int]) -> None:
    """The puts that wrote these bytes have failed. A thread may still be sending them to a bucket or a folder."""
    await reader.execute(
        f"UPDATE blob_leftover SET kept_until = CASE home WHEN '{DATABASE_HOME}' THEN 0 ELSE {_NOW} END"  # noqa: S608
        " WHERE content = ANY($1::bigint[])",
        list(contents),
    )


async def other_homes(reader: Reader, homes: Collection[str]) -> list[str]:
    """The homes of blobs that are not among `homes`."""
    rows = await reader.fetch(
        "SELECT DISTINCT home FROM blob WHERE home <> ALL($1) ORDER BY home", list(homes)
    )
    return [row[0] for row in rows]


async def leftovers(reader: Reader, homes: Collection[str]) -> list[tuple[int, str]]:
    """Some of the bytes that are to be deleted, with their homes."""
    rows = await reader.fetch(
        f"SELECT content, home FROM blob_leftover WHERE kept_until < {_NOW} - {_MARGIN_MS} AND home = ANY($1::text[])"  # noqa: S608
        f" ORDER BY kept_until LIMIT {_MOST_AT_ONCE}",
        list(homes),
    )
    return [(row[0], row[1]) for row in rows]


async def deleted(reader: Reader, content: int) -> None:
    """The bytes are gone."""
    await reader.execute("DELETE FROM blob_leftover WHERE content = $1", content)
