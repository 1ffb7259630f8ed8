"""Are blobs of a shared store kept whole, in each of their homes, and is what nobody owns deleted, whatever fails?"""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

import asyncpg
import pytest
import pytest_asyncio

from nightbus.store.interface import Blob, ReleaseBlob, StoreUnavailable
from nightbus.store.postgres import blob_cache, blob_rows
from nightbus.store.postgres.blob_cache import BlobCache, DamagedBlob
from nightbus.store.postgres.blob_homes import PIECE, BlobHome
from nightbus.store.postgres.blob_homes.folder import FolderHome, OtherFolder
from nightbus.store.postgres.blobs import Blobs, MissingHome
from nightbus.store.postgres.connections import Database
from postgres_nodes import new_database

HOUR_MS = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with new_database() as made:
        yield made


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    made = await database.pool(4)
    await made.execute("TRUNCATE blob, blob_chunk, blob_leftover, blob_owner, meta")
    yield made
    await made.close()


@pytest.fixture(params=["database", "folder"])
async def home(request: pytest.FixtureRequest, pool: asyncpg.Pool, tmp_path: Path) -> BlobHome | None:
    if request.param == "database":
        return None
    folder = FolderHome(tmp_path / "shared")
    async with pool.acquire() as connection:
        await folder.check(connection)
    return folder


@pytest.fixture
async def blobs(pool: asyncpg.Pool, home: BlobHome | None, tmp_path: Path) -> Blobs:
    cache = BlobCache(tmp_path / "cache")
    cache.open()
    return Blobs(pool, cache, home)


async def stream(data: bytes, size: int = 70_000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


async def keep(pool: asyncpg.Pool, kept: list[str], released: list[str] = [], owner: str = "owner") -> None:  # noqa: B006
    """As a commit does it."""
    async with pool.acquire() as connection, connection.transaction():
        await blob_rows.lock(connection, {*kept, *released})
        for digest in kept:
            await connection.execute(
                "INSERT INTO blob_owner VALUES ($1, $2) ON CONFLICT DO NOTHING", digest, owner
            )
        for digest in released:
            await connection.execute("DELETE FROM blob_owner WHERE digest = $1 AND owner = $2", digest, owner)
        await blob_rows.settle(connection, kept, released)


async def content(blobs: Blobs, digest: str) -> bytes:
    with await blobs.open_blob(digest) as file:
        return file.read()


async def is_there(blobs: Blobs, digest: str) -> bool:
    try:
        return bool(await content(blobs, digest)) or True
    except KeyError:
        return False


async def leftovers(pool: asyncpg.Pool) -> tuple[int, int]:
    """Bytes without a blob, and chunks of any."""
    return (
        await pool.fetchval("SELECT count(*) FROM blob_leftover"),
        await pool.fetchval("SELECT count(*) FROM blob_chunk"),
    )


def files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and file.name != "nightbus-blobs"]


def full_disk() -> IO[bytes]:
    return Path("/dev/full").open("w+b", buffering=0)


def described(data: bytes) -> Blob:
    return Blob(hashlib.sha256(data).hexdigest(), len(data), hashlib.md5(data).hexdigest())


async def test_what_is_put_is_read(blobs: Blobs, pool: asyncpg.Pool, tmp_path: Path) -> None:
    for size in (0, 1, 256 * 1024, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 5 * PIECE + 7):
        data = os.urandom(size)
        assert await blobs.put(stream(data)) == await blobs.put(data) == described(data)
        digest = described(data).digest
        for _ in range(2):  # from its home, and from the cache
            with await blobs.open_blob(digest) as file:
                assert file.read() == data
                assert file.seek(size // 2) == size // 2
                assert file.read() == data[size // 2 :]
        assert digest in {file.name for file in files(tmp_path / "cache")}
    await blobs.sweep()
    assert (await leftovers(pool))[0] == 0


async def test_a_put_that_breaks_leaves_nothing(blobs: Blobs, pool: asyncpg.Pool, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield os.urandom(2 * PIECE)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        await blobs.put(broken())
    await blobs.sweep()
    await pool.execute("UPDATE blob_leftover SET kept_until = 1")
    await blobs.sweep()
    assert await leftovers(pool) == (0, 0)
    assert files(tmp_path / "shared") == []
    assert blobs.in_memory()["puts to be given up"] == 0


async def test_the_last_owner_takes_the_bytes_along(blobs: Blobs, pool: asyncpg.Pool, tmp_path: Path) -> None:
    data = os.urandom(3 * PIECE)
    digest = (await blobs.put(data)).digest
    await keep(pool, [digest, digest])
    await blobs.sweep()
    open_file = await blobs.open_blob(digest)
    await keep(pool, [], [digest])
    assert not await is_there(blobs, digest)  # though the cache has it
    await blobs.sweep()
    assert await leftovers(pool) == (0, 0)
    assert files(tmp_path / "shared") == []
    with open_file:
        assert open_file.read() == data


async def test_a_put_that_no_commit_has_kept_yet_protects_the_bytes(blobs: Blobs, pool: asyncpg.Pool) -> None:
    digest = (await blobs.put(b"same")).digest
    await keep(pool, [digest])
    await blobs.put(b"same")
    await keep(pool, [], [digest])
    await blobs.sweep()
    assert await content(blobs, digest) == b"same"
    await pool.execute("UPDATE blob SET put_at = put_at - $1", 2 * HOUR_MS)
    await blobs.sweep()
    assert not await is_there(blobs, digest)
    assert await leftovers(pool) == (0, 0)


async def test_an_owned_blob_with_a_forgotten_put_stays_until_its_owner_lets_go(
    blobs: Blobs, pool: asyncpg.Pool
) -> None:
    for _ in range(2):
        digest = (await blobs.put(b"same")).digest
    await keep(pool, [digest])
    await pool.execute("UPDATE blob SET put_at = put_at - $1", 2 * HOUR_MS)
    await blobs.sweep()
    assert await content(blobs, digest) == b"same"
    await keep(pool, [], [digest])
    assert not await is_there(blobs, digest)


async def test_puts_keeps_and_releases_at_once_lose_nothing(
    blobs: Blobs, pool: asyncpg.Pool, tmp_path: Path
) -> None:
    """Two nodes put, keep and release the same bytes, and sweep meanwhile."""
    other = Blobs(pool, BlobCache(None), blobs._home)
    data = os.urandom(PIECE + 5)

    async def work(node: Blobs, owner: str) -> None:
        for _ in range(15):
            digest = (await node.put(stream(data))).digest
            await keep(pool, [digest], owner=owner)
            assert hashlib.sha256(await content(node, digest)).hexdigest() == digest
            await keep(pool, [], [digest], owner=owner)
            await node.sweep()

    await asyncio.gather(*[work(node, f"owner {n}") for n, node in enumerate([blobs, other, blobs, other])])
    assert not await is_there(blobs, described(data).digest)
    await blobs.sweep()
    assert await leftovers(pool) == (0, 0)
    assert files(tmp_path / "shared") == []


async def test_a_put_that_stands_still_for_too_long_fails_and_leaves_nothing(
    blobs: Blobs, pool: asyncpg.Pool, home: BlobHome | None, tmp_path: Path
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield os.urandom(2 * PIECE)
        await pool.execute("UPDATE blob_leftover SET kept_until = 1")
        await blobs.sweep()
        yield os.urandom(2 * PIECE)

    with pytest.raises(blob_rows.UploadExpired):
        await blobs.put(slow())
    await blobs.sweep()
    assert (await leftovers(pool))[1] == 0


async def test_a_database_that_took_over_without_the_first_pieces_refuses_the_blob(
    pool: asyncpg.Pool,
) -> None:
    blobs = Blobs(pool, BlobCache(None))

    async def half_lost() -> AsyncIterator[bytes]:
        yield os.urandom(3 * PIECE)
        await pool.execute("DELETE FROM blob_chunk WHERE number < 4")
        yield os.urandom(PIECE)

    with pytest.raises(blob_rows.UploadExpired):
        await blobs.put(half_lost())
    await blobs.sweep()
    assert await leftovers(pool) == (0, 0)


async def test_damaged_bytes_are_not_given(pool: asyncpg.Pool, tmp_path: Path) -> None:
    blobs = Blobs(pool, BlobCache(tmp_path))
    digest = (await blobs.put(b"as it was")).digest
    await pool.execute("UPDATE blob_chunk SET data = 'otherwise'")
    with pytest.raises(DamagedBlob):
        await blobs.open_blob(digest)
    assert files(tmp_path) == []


async def test_a_short_file_in_the_cache_is_fetched_again(blobs: Blobs, tmp_path: Path) -> None:
    digest = (await blobs.put(b"whole")).digest
    (tmp_path / "cache" / digest).write_bytes(b"who")
    assert await content(blobs, digest) == b"whole"


@pytest.mark.parametrize("size", [100, 3 * PIECE])
async def test_a_cache_that_takes_no_file_stops_no_reader(
    size: int,
    pool: asyncpg.Pool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk shows at a write, a read-only one at the opening: /dev/full and a file in the folder's place do so
    for root too."""
    monkeypatch.setattr(blob_cache, "_IN_MEMORY", PIECE)
    data = os.urandom(size)
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    for folder in (in_the_way, in_the_way / "below"):
        cache = BlobCache(folder)
        cache.open()
        blobs = Blobs(pool, cache)
        digest = (await blobs.put(data)).digest
        assert await content(blobs, digest) == data
    full = BlobCache(tmp_path / "full")
    full.open()
    monkeypatch.setattr(full, "_incoming", lambda: (full_disk(), None))
    assert await content(Blobs(pool, full), digest) == data
    assert "takes no file" in caplog.text


async def test_where_nothing_has_room_the_failure_is_the_disks(
    pool: asyncpg.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_cache, "_IN_MEMORY", 10)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir=None: full_disk())
    cache = BlobCache(tmp_path, most=10)
    blobs = Blobs(pool, cache)
    digest = (await blobs.put(b"x" * 100)).digest
    with pytest.raises(OSError, match="No space left"):
        await blobs.open_blob(digest)


async def test_the_cache_keeps_what_was_opened_last(pool: asyncpg.Pool, tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, most=10_000)
    cache.open()
    blobs = Blobs(pool, cache)
    digests: list[str] = []
    for number in range(12):
        digest = (await blobs.put(os.urandom(1_000))).digest
        await content(blobs, digest)
        os.utime(tmp_path / digest, (number, number))
        if digests:
            await content(blobs, digests[0])  # again and again
        digests.append(digest)
    kept = {file.name for file in files(tmp_path)}
    assert sum(file.stat().st_size for file in files(tmp_path)) <= 10_000
    assert {digests[0], digests[-1]} <= kept
    assert digests[1] not in kept
    large = (await blobs.put(os.urandom(6_000))).digest
    await content(blobs, large)
    assert large not in {file.name for file in files(tmp_path)}


async def test_a_folder_that_is_not_the_clusters_is_refused(pool: asyncpg.Pool, tmp_path: Path) -> None:
    async with pool.acquire() as connection:
        await FolderHome(tmp_path / "shared").check(connection)
        await FolderHome(tmp_path / "shared").check(connection)
        (tmp_path / "not mounted").mkdir()
        with pytest.raises(OtherFolder, match="mounted"):
            await FolderHome(tmp_path / "not mounted").check(connection)
    blobs = Blobs(pool, BlobCache(None), FolderHome(tmp_path / "not mounted"))
    with pytest.raises(StoreUnavailable, match="mounted"):
        await blobs.put(b"x")


async def test_a_blob_stays_readable_when_the_home_of_new_ones_changes(
    pool: asyncpg.Pool, tmp_path: Path
) -> None:
    folder = FolderHome(tmp_path / "shared")
    async with pool.acquire() as connection:
        await folder.check(connection)
    in_database, in_folder = Blobs(pool, BlobCache(None)), Blobs(pool, BlobCache(None), folder)
    first, second = (await in_database.put(b"first")).digest, (await in_folder.put(b"second")).digest
    assert await content(in_folder, first) == b"first"
    with pytest.raises(MissingHome, match="folder"):
        await in_database.open_blob(second)


async def test_a_node_says_as_it_starts_that_it_does_not_know_where_blobs_lie(
    pool: asyncpg.Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = FolderHome(tmp_path / "shared")
    async with pool.acquire() as connection:
        await folder.check(connection)
    in_database, in_folder = Blobs(pool, BlobCache(None)), Blobs(pool, BlobCache(None), folder)
    await in_folder.put(b"here")
    for blobs, warned in ((in_folder, False), (in_database, True)):
        await blobs.open()
        await blobs.close()
        assert ("lie in the home folder" in caplog.text) is warned


async def test_a_released_blob_leaves_no_copy_on_the_disk(blobs: Blobs, tmp_path: Path) -> None:
    first, second = (await blobs.put(b"first")).digest, (await blobs.put(b"second")).digest
    for digest in (first, second):
        await content(blobs, digest)
    blobs.committed([ReleaseBlob(first, "owner"), ReleaseBlob("0" * 64, "owner")])
    await blobs.sweep()
    assert [file.name for file in files(tmp_path / "cache")] == [second]
    assert blobs.in_memory()["bytes of blobs on this disk"] == len(b"second")


async def test_many_readers_fetch_a_blob_once(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = (await blobs.put(os.urandom(2 * PIECE))).digest
    reads = 0
    read = blobs._home.read

    def counted(number: int) -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        return read(number)

    monkeypatch.setattr(blobs._home, "read", counted)
    await asyncio.gather(*[is_there(blobs, digest) for _ in range(20)])
    assert reads == 1


async def test_a_large_blob_takes_little_memory(blobs: Blobs, pool: asyncpg.Pool) -> None:
    megabytes = 64
    piece = os.urandom(PIECE)

    async def large() -> AsyncIterator[bytes]:
        for number in range(megabytes):
            yield number.to_bytes(4) + piece[4:]

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    blob = await blobs.put(large())
    with await blobs.open_blob(blob.digest) as file:
        assert file.seek(0, os.SEEK_END) == blob.size == megabytes * PIECE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024
