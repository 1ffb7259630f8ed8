"""Records of older forms are brought up to the newest; what cannot be read stops nothing else, and doctor tells it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store import forms
from nightbus.store.doctor import NOTE, OK, WRONG, examine
from nightbus.store.forms import UnreadableRecord
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.schema import FILE_NAME
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")


def execute(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection, connection:
        connection.executescript(statement)


async def kept(folder: Path, *records: PutRecord) -> None:
    store = SqliteStore.open(folder, SystemClock(), durable=False)
    await store.commit(*records)
    await store.close()


def renamed(value: dict[str, Any]) -> dict[str, Any]:
    return {"name": value["n"]}


def counted(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "count": 0}


async def test_values_of_older_forms_are_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await kept(tmp_path, PutRecord(HERE, "k", "first", {"n": "a"}))
    monkeypatch.setitem(forms.UPGRADES, "k", (renamed,))
    await kept(tmp_path, PutRecord(HERE, "k", "second", {"name": "b"}))
    monkeypatch.setitem(forms.UPGRADES, "k", (renamed, counted))
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    found = await store.list(HERE, "k")
    assert [one.value for one in found] == [{"name": "a", "count": 0}, {"name": "b", "count": 0}]
    await store.commit(PutRecord(HERE, "k", "first", {"name": "c", "count": 1}, found[0].revision))
    record = await store.get(HERE, "k", "first")
    assert record is not None
    assert record.value == {"name": "c", "count": 1}
    await store.close()


@pytest.mark.parametrize(
    ("damage", "why"),
    [("form = 9", "newer Nightbus"), ("value = x'7b'", "JSONDecodeError"), ("value = '[1]'", "TypeError")],
)
async def test_what_cannot_be_read_stops_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, why: str
) -> None:
    await kept(tmp_path, PutRecord(HERE, "k", "a", {"n": 1}), PutRecord(HERE, "k", "b", {"n": 2}))
    execute(tmp_path, f"UPDATE record SET {damage} WHERE key = 'a'")
    monkeypatch.setitem(forms.UPGRADES, "k", (renamed,))
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    assert [one.value for one in await store.list(HERE, "k")] == [{"name": 2}]
    with pytest.raises(UnreadableRecord, match=why):
        await store.get(HERE, "k", "a")
    await store.close()
    (found,) = [one for one in examine(tmp_path) if one.level == WRONG]
    assert why in found.text
    assert found.advice


async def test_a_folder_without_forms_is_examined_and_opened(tmp_path: Path) -> None:
    await kept(tmp_path, PutRecord(HERE, "k", "a", {"n": 1}))
    execute(tmp_path, "ALTER TABLE record DROP COLUMN form; PRAGMA user_version = 2;")
    findings = list(examine(tmp_path))
    assert [one for one in findings if one.level == WRONG] == []
    assert "schema 2" in [one.text for one in findings if one.level == NOTE]
    assert "1 records" in [one.text for one in findings if one.level == OK]
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    record = await store.get(HERE, "k", "a")
    assert record is not None
    assert (record.value, record.revision) == ({"n": 1}, 1)
    await store.close()
