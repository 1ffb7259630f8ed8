"""What a worker has leased and does not finish, since it ends or fails, is offered at once to the next one."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from delivery_rig import open_store, until
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock, VirtualClock
from nightbus.delivery import fair_worker
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.store.interface import SYSTEM, Enqueue, Item
from nightbus.store.sqlite.store import SqliteStore

QUEUE = "work"
LEASE_MS = 20 * 60_000


class Hanging:
    """Work that never ends, of one key unless its item says "local"."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def work_of(self, item: Item) -> Work:
        if item.data == b"poison":
            raise OSError("a fault of the worker, not of the item")
        return Work("" if item.data == b"local" else "key", partial(self._run, item))

    async def _run(self, item: Item, _late: bool) -> None:
        self.begun.append(item.id)
        await asyncio.Event().wait()


async def put(store: SqliteStore, *data: bytes) -> None:
    await store.commit(*(Enqueue(SYSTEM, QUEUE, one, 0) for one in data))


async def offered(store: SqliteStore) -> int:
    return len(await store.lease(SYSTEM, QUEUE, 100, LEASE_MS))


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun yet"])
async def test_what_is_cut_off_or_parked_is_offered_to_the_next_worker(tmp_path: Path, begun: bool) -> None:
    store, clock, hanging = open_store(tmp_path, SystemClock()), SystemClock(), Hanging()
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](4, 2))
    worker.add(QUEUE, hanging.work_of)
    await put(store, b"local", *[b"shared"] * 6)
    running = asyncio.create_task(worker.run_until_cancelled())
    if begun:
        await until(lambda: len(hanging.begun) == 3)
    else:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await offered(store) == 7
    await store.close()


async def test_a_worker_that_fails_lets_go_of_all_but_what_it_failed_at(tmp_path: Path) -> None:
    """Which would fail the next one as well, before it came to the others."""
    store, clock, hanging = open_store(tmp_path, SystemClock()), SystemClock(), Hanging()
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](4, 2))
    worker.add(QUEUE, hanging.work_of)
    await put(store, b"shared", b"poison", b"local", b"shared")
    with pytest.raises(OSError, match="a fault"):
        await worker.run_until_cancelled()
    assert await offered(store) == 3
    await store.close()


async def test_leases_of_long_work_are_renewed_and_not_those_of_work_that_just_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, hanging, renewed = VirtualClock(), Hanging(), list[int]()
    store = open_store(tmp_path, clock)
    change_lease = store.change_lease

    async def noted(scope: Scope, queue: str, item: int, *args: Any, **options: Any) -> bool:
        renewed.append(item)
        return await change_lease(scope, queue, item, *args, **options)

    monkeypatch.setattr(store, "change_lease", noted)
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](4, 4))
    worker.add(QUEUE, hanging.work_of)
    running = asyncio.create_task(worker.run())
    await put(store, b"local")
    await until(lambda: len(hanging.begun) == 1)
    await clock.advance(LEASE_MS / 4000)
    assert renewed == []
    await put(store, b"shared")
    await until(lambda: len(hanging.begun) == 2)
    for _ in range(8):
        await clock.advance(LEASE_MS / 4000)
        assert await offered(store) == 0
    assert [renewed.count(item) for item in hanging.begun] == [8, 7]
    await worker.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


async def test_nothing_begins_once_the_worker_is_closed(tmp_path: Path) -> None:
    store, clock, hanging = open_store(tmp_path, SystemClock()), SystemClock(), Hanging()
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](4, 2))
    worker.add(QUEUE, hanging.work_of)
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.05)  # it waits for its first item
    await worker.close()
    await put(store, b"local")
    await running
    assert hanging.begun == []
    assert await offered(store) == 1
    await store.close()


async def test_queues_share_their_slots_and_are_told_apart(tmp_path: Path) -> None:
    """The items of two queues wait for the same key: who has the slot is of one queue, who is called of the other."""
    store, clock = open_store(tmp_path, SystemClock()), SystemClock()
    ended = asyncio.Event()
    order: list[str] = []

    async def run(item: Item, _late: bool) -> None:
        order.append(item.queue.queue)
        await ended.wait()
        await store.commit(item.acknowledge())

    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](2, 1))
    for queue in (QUEUE, "other"):
        worker.add(queue, lambda item: Work("key", partial(run, item)))
    await put(store, b"first")
    running = asyncio.create_task(worker.run_until_cancelled())
    await until(lambda: order == [QUEUE])
    await store.commit(Enqueue(SYSTEM, "other", b"second", 0))
    await put(store, b"third")
    ended.set()
    await until(lambda: len(order) == 3)
    assert sorted(order) == ["other", QUEUE, QUEUE]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sum(await store.count(SYSTEM, QUEUE)) + sum(await store.count(SYSTEM, "other")) == 0
    await store.close()


async def test_two_workers_on_one_queue_keep_their_slots_busy(tmp_path: Path) -> None:
    """What one of them parked is not taken by the other before it begins, and no slot is kept for what never comes."""
    store, clock = open_store(tmp_path, SystemClock()), SystemClock()
    done: list[int] = []
    shares = [Shares[ItemName](4, 2) for _ in range(2)]

    async def run(item: Item, _late: bool) -> None:
        await asyncio.sleep(0.002)
        await store.commit(item.acknowledge())
        done.append(item.id)

    workers = [FairWorker(store, clock, LEASE_MS, share) for share in shares]
    for worker in workers:
        worker.add(QUEUE, lambda item: Work("key", partial(run, item)))
    running = [asyncio.create_task(worker.run_until_cancelled()) for worker in workers]
    for _ in range(10):
        await put(store, *[b"x"] * 40)
        await asyncio.sleep(0.02)  # so that items come while others wait
    await until(lambda: len(done) == 400, 60)  # a lease ends after 20 minutes only
    assert len(set(done)) == 400
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert all(share.begin(f"key {number}", ItemName("", number)) for share in shares for number in range(4))
    await store.close()


async def test_a_queue_has_one_owner(tmp_path: Path) -> None:
    store, clock = open_store(tmp_path, SystemClock()), SystemClock()
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](4, 2))
    worker.add(QUEUE, Hanging().work_of)
    with pytest.raises(ValueError, match="two have the queue work"):
        worker.add(QUEUE, Hanging().work_of)
    await store.close()


async def test_a_parked_item_that_fails_to_begin_gives_its_slot_to_the_next(tmp_path: Path) -> None:
    store, clock = open_store(tmp_path, SystemClock()), SystemClock()
    ended, done = asyncio.Event(), list[bytes]()
    reads = dict[bytes, int]()

    def work_of(item: Item) -> Work:
        reads[item.data] = reads.get(item.data, 0) + 1
        if item.data == b"1" and reads[item.data] == 2:
            raise OSError("a fault of the worker, not of the item")
        return Work("key", partial(run, item))

    async def run(item: Item, _late: bool) -> None:
        await ended.wait()
        done.append(item.data)
        await store.commit(item.acknowledge())

    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](2, 1))
    worker.add(QUEUE, work_of)
    await put(store, *(b"%d" % number for number in range(4)))
    running = asyncio.create_task(worker.run_until_cancelled())
    await until(lambda: len(reads) == 4)
    ended.set()
    await until(lambda: len(done) == 3)
    assert sorted(done) == [b"0", b"2", b"3"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


async def test_the_more_items_are_parked_the_longer_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is read again when its lease ends, though nothing ended: so many in each lease, however many there are."""
    monkeypatch.setattr(fair_worker, "_MANY_PARKED", 10)
    store, clock, hanging = open_store(tmp_path, SystemClock()), SystemClock(), Hanging()
    worker = FairWorker(store, clock, LEASE_MS, Shares[ItemName](2, 1))
    worker.add(QUEUE, hanging.work_of)
    await put(store, *[b"shared"] * 151)
    running = asyncio.create_task(worker.run_until_cancelled())
    await until(lambda: len(worker._parked) == 150)
    await until(lambda: worker._parked)
    now = clock.now_ms()
    leases = [await store.newest_lease(SYSTEM, QUEUE, item) for item in (2, 9, 13, 60, 140)]
    assert [round((lease.ends - now) / LEASE_MS) for lease in leases if lease is not None] == [1, 1, 2, 6, 10]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
