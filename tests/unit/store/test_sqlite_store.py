"""What does the SQLite backend promise beyond the contract? Groups, failures, the folder, the sweep, checkpoints."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from blob_files import blob_file, read_blob
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock, VirtualClock
from nightbus.store.interface import (
    Append,
    Conflict,
    Ended,
    Enqueue,
    KeepBlob,
    PutRecord,
    ReleaseBlob,
    RequireRecord,
    StoreClosed,
    TrimQueue,
)
from nightbus.store.sqlite import checkpoints
from nightbus.store.sqlite.schema import FILE_NAME, connect
from nightbus.store.sqlite.store import FolderInUse, NewerSchema, SqliteStore

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    yield opened
    await opened.close()


async def eventually_gone(path: Path) -> None:
    async with asyncio.timeout(10):
        while path.exists():
            await asyncio.sleep(0.005)


async def test_a_conflict_or_bad_value_within_a_group_hurts_nobody_else(store: SqliteStore) -> None:
    await store.commit(PutRecord(HERE, "k", "a", {}))
    outcomes = await asyncio.gather(
        store.commit(Append(HERE, "new", 1, b"")),
        store.commit(Append(HERE, "newer", 1, b""), PutRecord(HERE, "k", "a", {}, 9)),
        store.commit(Append(HERE, "newer", 2, b"")),
        store.commit(Append(HERE, "newer", 3, b""), PutRecord(HERE, "k", "b", {"v": object()})),
        store.commit(Append(HERE, "newer", 2**70, b"")),
        store.commit(Append(HERE, "newer", 4, b"")),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [
        type(None), Conflict, type(None), TypeError, OverflowError, type(None),
    ]  # fmt: skip
    assert [one.time for one in await store.read(HERE, "newer")] == [2, 4]
    assert [one.time for one in await store.read(HERE, "new")] == [1]


async def test_a_full_disk_fails_the_commits_concerned_and_the_writer_lives_on(store: SqliteStore) -> None:
    await store.commit(PutRecord(HERE, "k", "a", {}))
    (pages,) = store._writing.execute("PRAGMA page_count").fetchone()
    store._writing.execute(f"PRAGMA max_page_count = {pages + 4}").fetchall()
    big = store.commit(Append(HERE, "big", 1, b"x" * 100_000))
    small = [store.commit(PutRecord(HERE, "k", f"s{n}", {})) for n in range(5)]
    failed, *fine = await asyncio.gather(big, *small, return_exceptions=True)
    assert isinstance(failed, sqlite3.OperationalError)
    assert fine == [None] * 5
    store._writing.execute("PRAGMA max_page_count = 1000000").fetchall()
    await store.commit(Append(HERE, "big", 2, b"x" * 100_000))
    assert [one.time for one in await store.read(HERE, "big")] == [2]


async def test_many_commits_share_few_transactions(store: SqliteStore) -> None:
    begun: list[str] = []
    store._writing.set_trace_callback(lambda text: begun.append(text) if text.startswith("BEGIN") else None)
    await asyncio.gather(*[store.commit(Append(HERE, "l", n, b"")) for n in range(400)])
    assert len(begun) < 100
    assert len(await store.read(HERE, "l")) == 400


async def test_one_folder_one_node(store: SqliteStore, tmp_path: Path) -> None:
    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        SqliteStore.open(tmp_path / "data", SystemClock())
    store.announce(4566)
    with pytest.raises(FolderInUse, match="port 4566"):
        SqliteStore.open(tmp_path / "data", SystemClock())
    await store.close()
    await SqliteStore.open(tmp_path / "data", SystemClock()).close()


async def test_another_process_is_refused_too(store: SqliteStore, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from nightbus.clock import SystemClock;"
        "from nightbus.store.sqlite.store import SqliteStore; SqliteStore.open(Path(sys.argv[1]), SystemClock())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert other.returncode != 0
    assert "FolderInUse" in other.stderr


async def test_a_newer_schema_is_refused_and_the_folder_let_go(store: SqliteStore, tmp_path: Path) -> None:
    await store.close()
    connection = connect(tmp_path / "data", durable=False)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for _ in range(2):
        with pytest.raises(NewerSchema, match="schema 99"):
            SqliteStore.open(tmp_path / "data", SystemClock())


async def test_nobody_else_may_read_the_folder(store: SqliteStore, tmp_path: Path) -> None:
    blob = await store.put_blob(b"x")
    await store.commit(KeepBlob(blob.digest, "o"), PutRecord(HERE, "k", "a", {}))
    for path in [tmp_path / "data", *(tmp_path / "data").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_after_closing_commits_are_refused(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(StoreClosed):
        await store.commit(PutRecord(HERE, "k", "a", {}))


async def test_the_file_goes_after_its_last_owner(store: SqliteStore, tmp_path: Path) -> None:
    blob = await store.put_blob(b"x")
    await store.commit(KeepBlob(blob.digest, "a"), KeepBlob(blob.digest, "b"))
    path = blob_file(tmp_path / "data", blob.digest)
    assert path.read_bytes() == b"x"
    await store.commit(ReleaseBlob(blob.digest, "a"))
    await store.commit(ReleaseBlob(blob.digest, "b"))
    await eventually_gone(path)


async def test_the_next_start_sweeps_what_no_commit_kept(store: SqliteStore, tmp_path: Path) -> None:
    kept, lost = await store.put_blob(b"kept"), await store.put_blob(b"lost")
    await store.commit(KeepBlob(kept.digest, "owner"))
    lost_path, half = (
        blob_file(tmp_path / "data", lost.digest),
        tmp_path / "data" / "blobs" / "incoming" / "tmphalf",
    )
    half.write_bytes(b"half")
    await store.close()
    long_ago = time.time() - 60
    for path in (lost_path, half, blob_file(tmp_path / "data", kept.digest)):
        os.utime(path, (long_ago, long_ago))
    again = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    try:
        await eventually_gone(lost_path)
        await eventually_gone(half)
        assert await read_blob(again, kept.digest) == b"kept"
    finally:
        await again.close()


async def test_the_write_ahead_log_does_not_grow_without_end(store: SqliteStore, tmp_path: Path) -> None:
    wal = tmp_path / "data" / f"{FILE_NAME}-wal"
    largest = 0
    for n in range(150):
        await asyncio.gather(*[store.commit(Append(HERE, "l", n, b"x" * 100_000)) for _ in range(8)])
        largest = max(largest, wal.stat().st_size)
    assert checkpoints.LARGE < largest < 2 * checkpoints.TOO_LARGE
    await store.close()
    assert not wal.exists() or wal.stat().st_size == 0


@pytest.mark.parametrize("wanted", [{"since": 999_990}, {"key": "k777777"}, {"backwards": True}])
async def test_a_large_log_opens_and_reads_fast(tmp_path: Path, wanted: dict[str, object]) -> None:
    store = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    await store.commit(Append(HERE, "l", 0, b""))
    store._writing.execute(
        "WITH RECURSIVE n(x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000)"
        " INSERT INTO entry SELECT 1, x, x, 'k' || x, x'00' FROM n"
    )
    await store.close()
    start = time.process_time()  # the work, however busy the machine is
    store = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    try:
        found = await store.read(HERE, "l", limit=10, **wanted)  # type: ignore[arg-type]
        assert time.process_time() - start < 0.5
        assert found
    finally:
        await store.close()


async def test_what_was_due_stays_due_when_the_clock_is_set_back(tmp_path: Path) -> None:
    hour = 3_600_000
    late, early = VirtualClock(10 * hour), VirtualClock(9 * hour)
    store = SqliteStore.open(tmp_path / "data", late, durable=False)
    await store.commit(Enqueue(HERE, "q", b"due", 10 * hour), Enqueue(HERE, "q", b"later", 11 * hour))
    await store.close()
    store = SqliteStore.open(tmp_path / "data", early, durable=False)
    try:
        assert [item.data for item in await store.lease(HERE, "q", 10, 1000)] == [b"due"]
        await early.advance(2 * hour / 1000)
        assert {item.data for item in await store.lease(HERE, "q", 10, 1000)} == {b"due", b"later"}
    finally:
        await store.close()


async def test_who_commits_is_answered_although_what_follows_fails(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(store, "_settle", fail)
    commits = (store.commit(PutRecord(HERE, "k", str(n), {})) for n in range(3))
    await asyncio.wait_for(asyncio.gather(*commits), 10)
    assert len(await store.list(HERE, "k")) == 3


async def test_a_commit_of_the_group_in_which_its_queue_ends_is_refused(store: SqliteStore) -> None:
    await store.commit(Enqueue(HERE, "q", b"x", 0))
    ending, late = await asyncio.gather(
        store.commit(TrimQueue(HERE, "q", ended=True)),
        store.commit(Enqueue(HERE, "q", b"y", 0)),
        return_exceptions=True,
    )
    assert ending is None
    assert isinstance(late, Ended)


async def test_a_fault_of_the_writer_ends_no_commit_after_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched:
        patched.setattr(store._writer, "_tell", fail)
        with pytest.raises(RuntimeError, match="a fault"):
            await asyncio.wait_for(store.commit(PutRecord(HERE, "k", "a", {})), 10)
    await asyncio.wait_for(store.commit(PutRecord(HERE, "k", "b", {})), 10)


def bytes_written() -> int:
    """By this thread, into files and elsewhere."""
    counts = dict(line.split(": ") for line in Path("/proc/thread-self/io").read_text().splitlines())
    return int(counts["wchar"])


@pytest.mark.skipif(not Path("/proc/thread-self/io").exists(), reason="Linux counts what a thread writes")
async def test_a_group_writes_nothing_but_the_write_ahead_log(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False, inline=True)
    logs = [f"logs/{number}" for number in range(64)]
    requirements = [RequireRecord(HERE, "logs/stream", name, 1) for name in logs]
    await store.commit(*(PutRecord(HERE, "logs/stream", name, {}) for name in logs))
    log_file = tmp_path / "data" / f"{FILE_NAME}-wal"
    for _ in range(3):  # from the second time on the pages have a state before the group
        size, written = log_file.stat().st_size, bytes_written()
        appends = [Append(HERE, name, 1, b"line" * 200, "key") for name in logs]
        items = [Enqueue(HERE, "queue", b"item" * 200, 1)] * 64
        await asyncio.gather(*(store.commit(*requirements, *appends, *items) for _ in range(3)))
        written, grown = bytes_written() - written, log_file.stat().st_size - size
    await store.close()
    assert grown > 256 * 1024, "so little that SQLite keeps earlier pages in memory"
    assert written < 1.1 * grown
