"""Items of a queue are carried out once, again after a failure, and by the next one after a stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Enqueue, Item
from nightbus.store.leased_work import work_through
from nightbus.store.sqlite.store import SqliteStore

QUEUE = "test/work"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path, SystemClock())
    yield opened
    await opened.close()


async def stopped(worker: asyncio.Task[None]) -> None:
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


async def test_a_failure_is_tried_again_and_a_stop_offers_the_item_to_the_next(store: SqliteStore) -> None:
    clock, done, started = SystemClock(), asyncio.Event(), asyncio.Event()
    attempts: list[bytes] = []

    async def fails_first(item: Item) -> None:
        attempts.append(item.data)
        if len(attempts) == 1:
            raise ValueError("made to fail")
        started.set()
        await asyncio.Event().wait()

    async def succeeds(item: Item) -> None:
        attempts.append(item.data)
        done.set()

    await store.commit(Enqueue(SYSTEM, QUEUE, b"a", 0))
    async with asyncio.timeout(20):
        worker = asyncio.create_task(work_through(store, clock, QUEUE, fails_first, 2))
        await started.wait()
        await stopped(worker)
        worker = asyncio.create_task(work_through(store, clock, QUEUE, succeeds, 2))
        await done.wait()
        while any(await store.count(SYSTEM, QUEUE)):
            await asyncio.sleep(0.01)
        await stopped(worker)
    assert attempts == [b"a"] * 3
