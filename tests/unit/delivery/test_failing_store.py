"""A store that fails now and then, at any call, loses no item of a worker, leaves none behind, and blocks no share."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from delivery_rig import open_store
from nightbus.clock import SystemClock
from nightbus.delivery import fair_worker
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.store.interface import SYSTEM, Counts, Enqueue, Item
from nightbus.store.sqlite.store import SqliteStore

QUEUE = "work"
ITEMS = 300
_FAILING = ("commit", "lease", "lease_again", "change_lease")


class FailsNowAndThen:
    """The store, of whose calls each eighth one fails, some of them after they took effect."""

    def __init__(self, store: SqliteStore, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)
        self.fails = True

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return partial(self._call, method) if name in _FAILING else method

    async def _call(self, method: Any, *args: Any, **kwargs: Any) -> Any:
        chance = self._random.random() if self.fails else 1.0
        if chance < 0.1:
            raise sqlite3.OperationalError("disk I/O error")
        await asyncio.sleep(0)
        result = await method(*args, **kwargs)
        if chance < 0.125:
            raise sqlite3.OperationalError("disk I/O error")
        return result


@pytest.mark.parametrize("seed", range(4))
async def test_every_item_is_worked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(fair_worker, "_AGAIN_MS", 20)
    clock = SystemClock()
    real = open_store(tmp_path, clock)
    store: Any = FailsNowAndThen(real, seed)
    runs = Counter[int]()

    async def run(item: Item, _late: bool) -> None:
        runs[item.id] += 1
        await asyncio.sleep(0.001)
        await store.commit(item.acknowledge())

    def work_of(item: Item) -> Work:
        return Work(item.data.decode(), partial(run, item))

    worker = FairWorker(store, clock, 400, Shares[ItemName](6, 2))
    worker.add(QUEUE, work_of)
    await real.commit(*(Enqueue(SYSTEM, QUEUE, (b"", b"a", b"b", b"c")[n % 4], 0) for n in range(ITEMS)))

    async def lasting() -> None:
        while True:
            try:
                await worker.run()
            except sqlite3.Error:
                await asyncio.sleep(0.01)

    running = asyncio.create_task(lasting())
    async with asyncio.timeout(60):
        while await real.count(SYSTEM, QUEUE) != Counts(0, 0, 0):
            await asyncio.sleep(0.02)
    assert set(runs) == set(range(1, ITEMS + 1))
    store.fails = False
    # Every slot is free again: as many items of each key begin at once as its share allows.
    begun: list[str] = []
    hold = asyncio.Event()

    async def held(item: Item, _late: bool) -> None:
        begun.append(item.data.decode())
        await hold.wait()
        await store.commit(item.acknowledge())

    worker._queues[QUEUE] = lambda item: Work(item.data.decode(), partial(held, item))
    await real.commit(*(Enqueue(SYSTEM, QUEUE, key, 0) for key in (b"a", b"b", b"a", b"b", b"a", b"b")))
    async with asyncio.timeout(10):
        while len(begun) < 4:
            await asyncio.sleep(0.005)
    hold.set()
    async with asyncio.timeout(10):
        while await real.count(SYSTEM, QUEUE) != Counts(0, 0, 0):
            await asyncio.sleep(0.005)
    assert Counter(begun) == {"a": 3, "b": 3}
    running.cancel()
    await worker.close()
    await asyncio.gather(running, return_exceptions=True)
    assert worker._parked == {}
    await real.close()
