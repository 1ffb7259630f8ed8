"""Records that are kept in memory are those of the last commit, also that there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import DeleteRecord, PutRecord, Record
from nightbus.store.known_records import KnownRecords
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "us-east-1")


class Counted(SqliteStore):
    """Counts the reads of single records."""

    reads = 0

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        self.reads += 1
        return await super().get(scope, kind, key)


async def test_each_is_read_once_until_a_commit_touches_it(tmp_path: Path) -> None:
    store = Counted.open(tmp_path, SystemClock(), durable=False)
    assert isinstance(store, Counted)
    known = KnownRecords(store, ["k"])
    assert [await known.get(HERE, "k", "a") for _ in range(3)] == [None] * 3
    await store.commit(PutRecord(HERE, "k", "a", {"n": 1}), PutRecord(HERE, "k", "b", {"n": 1}))
    values = [record and record.value for record in [await known.get(HERE, "k", "a") for _ in range(3)]]
    assert (values, store.reads) == ([{"n": 1}] * 3, 2)
    await known.get(HERE, "k", "b")
    await store.commit(DeleteRecord(HERE, "k", "b"))
    assert await known.get(HERE, "k", "b") is None
    assert await known.get(HERE, "k", "a") is not None
    assert store.reads == 4
    with pytest.raises(KeyError):
        await known.get(HERE, "other", "a")
    await store.close()


async def test_after_a_gap_of_the_feed_everything_is_read_again(tmp_path: Path) -> None:
    store = Counted.open(tmp_path, SystemClock(), durable=False)
    assert isinstance(store, Counted)
    known = KnownRecords(store, ["k"])
    await store.commit(PutRecord(HERE, "k", "a", {}))
    await known.get(HERE, "k", "a")
    store._feed.everything_may_have_changed()
    await known.get(HERE, "k", "a")
    assert store.reads == 2
    await store.close()
