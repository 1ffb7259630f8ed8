"""A commit with patience shares the sync of another one, and many requirements are looked up together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import Append, Change, Conflict, DeleteRecord, PutRecord, RequireRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.sqlite.writer import Writer, _Batch

HERE = Scope("111111111111", "eu-west-1")
LONG = 3600.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    yield opened
    await opened.close()


@pytest.fixture(name="groups")
def noted_groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many commits each transaction had."""
    groups: list[int] = []
    write = Writer._write

    def noted(self: Writer, batches: list[_Batch]) -> None:
        groups.append(len(batches))
        write(self, batches)

    monkeypatch.setattr(Writer, "_write", noted)
    return groups


def append(data: bytes) -> Append:
    return Append(HERE, "log", 1, data)


async def written(store: SqliteStore) -> list[bytes]:
    return [entry.data for entry in await store.read(HERE, "log")]


async def test_patience_ends_with_the_next_commit(store: SqliteStore, groups: list[int]) -> None:
    patient = asyncio.create_task(store.commit(append(b"patient"), patience=LONG))
    also = asyncio.create_task(store.commit(append(b"also"), patience=LONG))
    await asyncio.sleep(0)
    assert await written(store) == [] and not patient.done()
    async with asyncio.timeout(10):
        await asyncio.gather(store.commit(append(b"hasty")), patient, also)
    assert await written(store) == [b"patient", b"also", b"hasty"]
    assert groups == [3]


async def test_patience_ends_by_itself(store: SqliteStore) -> None:
    began = time.monotonic()
    async with asyncio.timeout(10):
        await store.commit(append(b"alone"), patience=0.05)
    assert time.monotonic() - began >= 0.05
    assert await written(store) == [b"alone"]


async def test_a_patient_commit_joins_one_of_the_same_turn(store: SqliteStore, groups: list[int]) -> None:
    async with asyncio.timeout(10):
        await asyncio.gather(store.commit(append(b"hasty")), store.commit(append(b"patient"), patience=LONG))
    assert groups == [2]


async def test_a_store_that_closes_writes_what_waits(tmp_path: Path) -> None:
    first = SqliteStore.open(tmp_path / "other", SystemClock(), durable=False)
    waiting = asyncio.create_task(first.commit(append(b"patient"), patience=LONG))
    await asyncio.sleep(0)
    await first.close()
    async with asyncio.timeout(10):
        await waiting
    second = SqliteStore.open(tmp_path / "other", SystemClock(), durable=False)
    assert await written(second) == [b"patient"]
    await second.close()


async def records(store: SqliteStore, count: int) -> list[Change]:
    await store.commit(*(PutRecord(HERE, "kind", f"{number}", {}) for number in range(count)))
    return [RequireRecord(HERE, "kind", f"{number}", 1) for number in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 17, 64, 65, 130])
async def test_many_requirements_that_stand(store: SqliteStore, count: int) -> None:
    required = await records(store, count)
    await store.commit(*required, append(b"1"))
    assert await written(store) == [b"1"]


@pytest.mark.parametrize("count", [2, 5, 64, 65])
@pytest.mark.parametrize("where", ["first", "last"])
@pytest.mark.parametrize("trouble", ["revision", "missing", "there"])
async def test_one_of_many_that_does_not_stand(
    store: SqliteStore, count: int, where: str, trouble: str
) -> None:
    required = await records(store, count)
    at = 0 if where == "first" else count - 1
    wrong = {
        "revision": RequireRecord(HERE, "kind", f"{at}", 2),
        "missing": RequireRecord(HERE, "kind", "none", 1),
        "there": RequireRecord(HERE, "kind", f"{at}", 0),
    }[trouble]
    required[at] = wrong
    with pytest.raises(Conflict):
        await store.commit(*required, append(b"1"))
    assert await written(store) == []
    required[at] = RequireRecord(HERE, "kind", "none", 0)
    await store.commit(*required, append(b"2"))
    assert await written(store) == [b"2"]


async def test_requirements_of_commits_at_once_are_looked_up_in_their_order(store: SqliteStore) -> None:
    await store.commit(PutRecord(HERE, "kind", "one", {}), PutRecord(HERE, "kind", "two", {}))
    one, two = (RequireRecord(HERE, "kind", key, 1) for key in ("one", "two"))
    outcomes = await asyncio.gather(
        store.commit(one, Append(HERE, "log", 1, b"before")),
        store.commit(Append(HERE, "log", 2, b"also before"), two, one),
        store.commit(DeleteRecord(HERE, "kind", "one")),
        store.commit(two, Append(HERE, "log", 3, b"of the other")),
        store.commit(Append(HERE, "log", 4, b"refused"), two, one),
        store.commit(RequireRecord(HERE, "kind", "one", 0), Append(HERE, "log", 5, b"after")),
        return_exceptions=True,
    )
    assert [number for number, outcome in enumerate(outcomes) if outcome is not None] == [4]
    assert isinstance(outcomes[4], Conflict)
    assert await written(store) == [b"before", b"also before", b"of the other", b"after"]
