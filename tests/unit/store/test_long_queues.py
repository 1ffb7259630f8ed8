"""Long reads hold nobody up: queues of 200,000 items that are leased by group, and reads over thousands of logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.node.garbage_collection import short_collections
from nightbus.store.interface import Append, Enqueue, PutRecord
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("000000000000", "us-east-1")
MANY = 200_000


@pytest.fixture(autouse=True)
def collected_as_in_a_node() -> Iterator[None]:
    with short_collections():
        yield


async def filled(folder: Path, clock: VirtualClock, due: int, many: int = MANY) -> SqliteStore:
    store = SqliteStore.open(folder, clock, durable=False)
    for begin in range(0, many, 10_000):
        items = (Enqueue(HERE, "q", b"x", due, f"g{n}") for n in range(begin, begin + 10_000))
        await store.commit(*items)
    return store


async def computed_by_the_loop(store: SqliteStore, limit: int) -> tuple[int, float]:
    """How many items a lease gives, and the longest round of the loop meanwhile, in seconds of its thread."""
    leasing = asyncio.ensure_future(store.lease(HERE, "q", limit, 60_000, by_group=True))
    longest, before = 0.0, time.thread_time()
    while not leasing.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return len(leasing.result()), longest


async def test_the_first_lease_and_the_next(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = await filled(tmp_path, clock, due=0)
    try:
        for _ in range(3):
            count, longest = await computed_by_the_loop(store, 10)
            assert count == 10
            assert longest < 0.05  # 2.8 s where every row was put into its place on the loop
    finally:
        await store.close()


async def test_a_lease_that_finds_nothing_due(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = await filled(tmp_path, clock, due=clock.now_ms() + 60_000)
    try:
        for _ in range(3):
            count, longest = await computed_by_the_loop(store, 10)
            assert count == 0
            assert longest < 0.05  # 114 ms where every group was asked
        await clock.advance(61)
        assert (await computed_by_the_loop(store, 10))[0] == 10
    finally:
        await store.close()


async def test_what_comes_while_the_order_is_read_is_there(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = await filled(tmp_path, clock, due=0, many=20_000)
    try:
        leasing = asyncio.ensure_future(store.lease(HERE, "q", 1, 60_000, by_group=True))
        await asyncio.sleep(0)
        late = [Enqueue(HERE, "q", b"late", 0, f"late{n}") for n in range(100)]
        await store.commit(*late)
        found = [await leasing]
        while batch := await store.lease(HERE, "q", 10_000, 60_000, by_group=True):
            found.append(batch)
        items = [item for batch in found for item in batch]
        assert len({item.id for item in items}) == len(items) == 20_100
        assert sum(item.data == b"late" for item in items) == 100
    finally:
        await store.close()


async def test_a_read_over_many_logs_does_not_hold_up_short_reads(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, VirtualClock(), durable=False)
    try:
        logs = [f"log{n}" for n in range(5_000)]
        await store.commit(*(Append(HERE, log, n, b"x") for n, log in enumerate(logs)))
        await store.commit(PutRecord(HERE, "kind", "key", {}))
        long_read = asyncio.ensure_future(store.read(HERE, logs, limit=10_000))
        await asyncio.sleep(0)
        for _ in range(3):
            short = asyncio.ensure_future(store.list(HERE, "kind"))
            await asyncio.wait({long_read, short}, return_when=asyncio.FIRST_COMPLETED)
            assert len(await short) == 1
        first_was_short = not long_read.done()
        assert len(await long_read) == 5_000
        assert first_was_short
    finally:
        await store.close()
