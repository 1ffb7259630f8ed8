"""Does the doctor find what is wrong with a data folder, and nothing where nothing is?"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from blob_files import blob_file
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.doctor import NOTE, OK, WRONG, Finding, examine
from nightbus.store.interface import (
    FIRST_CHOSEN_OFFSET,
    Append,
    AppendOnce,
    Enqueue,
    KeepBlob,
    PutRecord,
)
from nightbus.store.sqlite.schema import VERSION
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
async def blob(tmp_path: Path) -> Path:
    """Where the one blob of a store lies that has some of everything, and is closed."""
    store = SqliteStore.open(tmp_path / "data", SystemClock())
    kept = await store.put_blob(b"kept")
    await store.commit(
        *(Append(HERE, "log", at, b"x" * 500) for at in range(200)),
        AppendOnce(HERE, "ids", 1, b"x", "key", FIRST_CHOSEN_OFFSET + 7, 0),
        Enqueue(HERE, "queue", b"message", 0),
        PutRecord(HERE, "k", "a", {}),
        KeepBlob(kept.digest, "owner"),
    )
    await store.close()
    return blob_file(tmp_path / "data", kept.digest)


def found(tmp_path: Path, level: str) -> list[Finding]:
    return [finding for finding in examine(tmp_path / "data") if finding.level == level]


def change(tmp_path: Path, statement: str) -> None:
    connection = sqlite3.connect(tmp_path / "data" / "nightbus.db", isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_a_sound_folder(blob: Path, tmp_path: Path) -> None:
    assert found(tmp_path, WRONG) == found(tmp_path, NOTE) == []
    texts = " ".join(finding.text for finding in found(tmp_path, OK))
    for part in ("not in use", f"schema {VERSION}", "database sound", "1 blobs", "1 records"):
        assert part in texts


async def test_a_folder_in_use(blob: Path, tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "data", SystemClock())
    store.announce(4567)
    try:
        (note,) = found(tmp_path, NOTE)
        assert "port 4567" in note.text
        assert found(tmp_path, WRONG) == []
        await store.commit(PutRecord(HERE, "k", "b", {}))
    finally:
        await store.close()


def test_no_data(tmp_path: Path) -> None:
    (finding,) = examine(tmp_path / "data")
    assert (finding.level, bool(finding.advice)) == (WRONG, True)
    assert not (tmp_path / "data").exists()


def test_blobs_damaged_missing_and_of_nobody(blob: Path, tmp_path: Path) -> None:
    blob.write_bytes(b"kepT")
    (finding,) = found(tmp_path, WRONG)
    assert "damaged" in finding.text
    blob.rename(blob.with_name("0" * 62))
    (finding,) = found(tmp_path, WRONG)
    assert "missing" in finding.text
    (note,) = found(tmp_path, NOTE)
    assert "belong to nobody" in note.text


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("PRAGMA user_version = 99", "newer Nightbus"),
        ("UPDATE counter SET value = 3 WHERE name = 'position'", "counter of positions is behind"),
        ("UPDATE counter SET value = 0 WHERE name = 'item'", "counter of items is behind"),
        ("UPDATE item SET queue = 99", "1 queued items belong to no name"),
        ("UPDATE entry SET log = 99 WHERE position = 5", "1 log entries belong to no name"),
        ("UPDATE record SET value = x'7b'", "record k 'a' cannot be read"),
        ("DROP TABLE record", "does not have the tables"),
    ],
)
def test_what_is_wrong_in_the_database(statement: str, text: str, blob: Path, tmp_path: Path) -> None:
    change(tmp_path, statement)
    findings = found(tmp_path, WRONG)
    assert [text in finding.text and bool(finding.advice) for finding in findings] == [True]


def test_a_damaged_database(blob: Path, tmp_path: Path) -> None:
    file = tmp_path / "data" / "nightbus.db"
    data = bytearray(file.read_bytes())
    data[5 * 4096 : -4096] = b"\x5a" * (len(data) - 6 * 4096)
    file.write_bytes(data)
    assert any(
        "damaged" in finding.text or "cannot be read" in finding.text for finding in found(tmp_path, WRONG)
    )
    file.write_bytes(b"something else")
    (finding,) = found(tmp_path, WRONG)
    assert "not a database" in finding.text


def test_others_may_look(blob: Path, tmp_path: Path) -> None:
    (tmp_path / "data").chmod(0o755)
    (note,) = found(tmp_path, NOTE)
    assert "chmod 700" in note.advice
