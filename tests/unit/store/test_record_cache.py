"""Values made of records are those of the last commit."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, cast

from nightbus.aws.calls import Scope
from nightbus.store.interface import Listener, PutRecord, RecordName, Store, Touched
from nightbus.store.record_cache import MOST_READS, RecordCache

HERE = Scope("111111111111", "us-east-1")


def cache_over(store: Store, reads: list[str], most: int = 10) -> RecordCache[str, int]:
    async def load(key: str) -> int | None:
        reads.append(key)
        record = await store.get(HERE, "k", key)
        return None if record is None else record.value["n"]

    return RecordCache(store, most, ["k"], lambda record: record.key, load)


async def test_a_value_is_read_once_until_it_changes(store: Store) -> None:
    reads: list[str] = []
    cache = cache_over(store, reads)
    await store.commit(PutRecord(HERE, "k", "a", {"n": 1}), PutRecord(HERE, "k", "b", {"n": 1}))
    assert [await cache.find("a") for _ in range(3)] == [1, 1, 1]
    await store.commit(PutRecord(HERE, "k", "b", {"n": 2}))
    assert cache.peek("a") == 1
    await store.commit(PutRecord(HERE, "k", "a", {"n": 2}))
    assert cache.peek("a") is None
    assert await cache.find("a") == 2
    assert reads == ["a", "a"]


async def test_what_is_not_there_is_asked_for_each_time(store: Store) -> None:
    reads: list[str] = []
    cache = cache_over(store, reads)
    assert [await cache.find("a"), await cache.find("a")] == [None, None]
    assert reads == ["a", "a"]
    assert len(cache) == 0


async def test_it_keeps_so_many(store: Store) -> None:
    cache = cache_over(store, [], most=3)
    for n in range(5):
        await store.commit(PutRecord(HERE, "k", str(n), {"n": n}))
        assert await cache.find(str(n)) == n
    assert len(cache) == 3


class ChangesWhileItIsRead:
    """Each read of a record ends after somebody has changed it, `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.listener: Listener = lambda touched: None

    def watch(self, listener: Listener, kinds: Collection[str]) -> None:
        self.listener = listener

    async def load(self, key: str) -> int:
        await asyncio.sleep(0)
        read = self.times
        if self.times:
            self.times -= 1
            self.listener(Touched((RecordName(HERE, "k", key),)))
        return read


async def test_what_changes_while_it_is_read_is_read_again() -> None:
    slow = ChangesWhileItIsRead(MOST_READS - 1)
    cache = RecordCache(cast(Store, cast(Any, slow)), 10, ["k"], lambda record: record.key, slow.load)
    assert await cache.find("a") == 0
    assert cache.peek("a") == 0


async def test_what_changes_all_the_time_is_given_and_not_kept() -> None:
    slow = ChangesWhileItIsRead(100)
    cache = RecordCache(cast(Store, cast(Any, slow)), 10, ["k"], lambda record: record.key, slow.load)
    assert await cache.find("a") == 100 - MOST_READS + 1
    assert cache.peek("a") is None


async def test_after_a_gap_everything_is_read_again() -> None:
    slow = ChangesWhileItIsRead(0)
    cache = RecordCache(cast(Store, cast(Any, slow)), 10, ["k"], lambda record: record.key, slow.load)
    await cache.find("a")
    slow.listener(None)
    assert cache.peek("a") is None
