"""Is a backup of a store at work one moment of it, and does only a backup come back?"""

from __future__ import annotations

import asyncio
import io
import os
import sqlite3
import stat
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from blob_files import blob_file, read_blob
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.backup import BackupFailed, back_up, restore
from nightbus.store.interface import Append, Enqueue, KeepBlob, PutRecord, ReleaseBlob
from nightbus.store.sqlite.schema import connect, prepare
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    yield opened
    await opened.close()


async def work(store: SqliteStore, over: asyncio.Event) -> None:
    """Commits whose record, entry, item and blob belong together; the blob before is let go each time."""
    number, before = 0, ""
    while not over.is_set():
        number += 1
        text = f"{number}".encode() * 100
        blob = await store.put_blob(text)
        release = [ReleaseBlob(before, "worker")] if before else []
        await store.commit(
            PutRecord(HERE, "k", "worker", {"n": number, "blob": blob.digest}),
            Append(HERE, "log", number, text),
            Enqueue(HERE, "queue", text, 0),
            KeepBlob(blob.digest, "worker"),
            *release,
        )
        before = blob.digest


async def test_copies_of_a_store_at_work_are_each_one_moment(store: SqliteStore, tmp_path: Path) -> None:
    over = asyncio.Event()
    worker = asyncio.create_task(work(store, over))
    while await store.get(HERE, "k", "worker") is None:
        await asyncio.sleep(0)
    numbers = []
    for at in range(12):
        file, folder = tmp_path / f"{at}.tar", tmp_path / f"restored-{at}"
        copied = await asyncio.to_thread(back_up, tmp_path / "data", file)
        assert copied.missing == ()
        await asyncio.to_thread(restore, file, folder)
        numbers.append(await number_in(folder))
    over.set()
    await worker
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0]
    assert not list((tmp_path / "data").glob("backing-up-*"))


async def number_in(folder: Path) -> int:
    """How far the worker had come; everything that belongs together is there."""
    restored = SqliteStore.open(folder, SystemClock(), durable=False)
    try:
        record = await restored.get(HERE, "k", "worker")
        assert record is not None
        number = int(record.value["n"])
        assert [entry.time for entry in await restored.read(HERE, "log", limit=1_000_000)] == list(
            range(1, number + 1)
        )
        assert (await restored.count(HERE, "queue")).free == number
        assert await read_blob(restored, record.value["blob"]) == f"{number}".encode() * 100
        await restored.commit(Append(HERE, "log", number + 1, b"goes on"))
        return number
    finally:
        await restored.close()


async def test_the_file_is_private_and_replaced_in_one_step(store: SqliteStore, tmp_path: Path) -> None:
    blob = await store.put_blob(b"x" * 10_000)
    await store.commit(KeepBlob(blob.digest, "owner"))
    file = tmp_path / "backup.tar"
    file.write_bytes(b"the one before")
    assert back_up(tmp_path / "data", file).blobs == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == ["backup.tar"]
    restore(file, tmp_path / "again")
    for path in [tmp_path / "again", *(tmp_path / "again").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_a_folder_that_holds_nothing_and_a_place_that_cannot_be(
    store: SqliteStore, tmp_path: Path
) -> None:
    with pytest.raises(BackupFailed, match="holds no Nightbus data"):
        back_up(tmp_path, tmp_path / "b.tar")
    with pytest.raises(BackupFailed, match="could not be copied"):
        back_up(tmp_path / "data", tmp_path / "nowhere" / "b.tar")


async def test_a_blob_that_is_gone_is_named(store: SqliteStore, tmp_path: Path) -> None:
    lost, kept = await store.put_blob(b"lost"), await store.put_blob(b"kept")
    await store.commit(KeepBlob(lost.digest, "o"), KeepBlob(kept.digest, "o"))
    blob_file(tmp_path / "data", lost.digest).unlink()
    copied = back_up(tmp_path / "data", tmp_path / "b.tar")
    assert (copied.blobs, copied.missing) == (1, (lost.digest,))
    assert restore(tmp_path / "b.tar", tmp_path / "again").missing == (lost.digest,)


async def test_only_an_empty_folder_is_restored_into(store: SqliteStore, tmp_path: Path) -> None:
    back_up(tmp_path / "data", tmp_path / "b.tar")
    with pytest.raises(BackupFailed, match="not empty"):
        restore(tmp_path / "b.tar", tmp_path / "data")
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "b.tar", tmp_path / "empty")
    assert (tmp_path / "empty" / "nightbus.db").is_file()


def database(tmp_path: Path, *statements: str) -> bytes:
    folder = tmp_path / "made"
    folder.mkdir()
    connection = connect(folder, durable=False)
    prepare(connection, folder)
    for statement in statements:
        connection.execute(statement)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return (folder / "nightbus.db").read_bytes()


def plain(name: str, data: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    return entry, data


def link(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry, b""


def sparse(name: str) -> tuple[tarfile.TarInfo, bytes]:
    entry, data = plain(name, b"1\n0\n512\n".ljust(512, b"\0") + b"x" * 512)
    entry.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": name,
        "GNU.sparse.realsize": "1099511627776",
    }  # fmt: skip
    return entry, data


@pytest.mark.parametrize(
    "hostile",
    [
        plain("../nightbus.db", b"x"),
        plain("/tmp/nightbus.db", b"x"),
        plain("blobs/aa/../../../x", b"x"),
        plain("blobs/aa/" + "b" * 62, b"other bytes"),
        plain("nightbus.lock", b"1"),
        plain("nightbus.db", b"a second one"),
        link("blobs/aa/" + "b" * 62, tarfile.SYMTYPE),
        link("blobs/aa/" + "b" * 62, tarfile.LNKTYPE),
        link("blobs/aa/" + "b" * 62, tarfile.FIFOTYPE),
        link("blobs", tarfile.DIRTYPE),
        sparse("blobs/aa/" + "b" * 62),
    ],
    ids=lambda entry: f"{entry[0].name[:20]}-{entry[0].type!r}-{len(entry[1])}",
)
def test_what_no_backup_holds_is_refused(hostile: tuple[tarfile.TarInfo, bytes], tmp_path: Path) -> None:
    write(tmp_path / "b.tar", plain("nightbus.db", database(tmp_path)), hostile)
    with pytest.raises(BackupFailed):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "made"]


def write(file: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> None:
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry, data in entries:
            tar.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON item BEGIN DELETE FROM record; END", "not a database of Nightbus"),
        ("CREATE VIEW v AS SELECT 1", "not a database of Nightbus"),
        ("DROP TABLE record", "not a database of Nightbus"),
        ("PRAGMA user_version = 99", "newer Nightbus"),
    ],
)
def test_a_database_that_is_not_ours_is_refused(statement: str, why: str, tmp_path: Path) -> None:
    write(tmp_path / "b.tar", plain("nightbus.db", database(tmp_path, statement)))
    with pytest.raises(BackupFailed, match=why):
        restore(tmp_path / "b.tar", tmp_path / "again")


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-20_000], lambda whole: b"no tar", lambda whole: b""])
def test_a_damaged_file_is_refused_and_leaves_nothing(
    spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    write(tmp_path / "b.tar", plain("nightbus.db", database(tmp_path)))
    (tmp_path / "b.tar").write_bytes(spoil((tmp_path / "b.tar").read_bytes()))
    with pytest.raises(BackupFailed):
        restore(tmp_path / "b.tar", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    data = bytearray(database(tmp_path, "INSERT INTO item VALUES (1, 1, 1, x'00', '')"))
    data[4096 + 100 :] = os.urandom(len(data) - 4196)
    write(tmp_path / "b.tar", plain("nightbus.db", bytes(data)))
    with pytest.raises((BackupFailed, sqlite3.Error)):
        restore(tmp_path / "b.tar", tmp_path / "again")


async def test_the_key_of_the_vault_goes_along(store: SqliteStore, tmp_path: Path) -> None:
    sealed = Vault(tmp_path / "data").seal(b"hunter")
    back_up(tmp_path / "data", tmp_path / "b.tar")
    restore(tmp_path / "b.tar", tmp_path / "again")
    assert Vault(tmp_path / "again").open(sealed) == b"hunter"
