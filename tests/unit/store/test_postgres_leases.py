"""Tests what leases of the PostgreSQL store do beyond the contract: many who wait, several nodes, long queues."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import Clock, VirtualClock
from nightbus.store.interface import SYSTEM, Enqueue, QueueName
from nightbus.store.postgres.item_rows import ItemRows
from nightbus.store.postgres.store import PostgresStore

pytestmark = pytest.mark.parametrize("opened", ["postgres"], indirect=True)
HERE = Scope("111111111111", "eu-west-1")


class Opened(Protocol):
    async def __call__(self, clock: Clock | None = None) -> PostgresStore: ...


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The limits of the looks that were made."""
    limits: list[int] = []
    take = ItemRows.take

    async def counted(self: ItemRows, name: QueueName, limit: int, lease_ms: int, by_group: bool) -> object:
        limits.append(limit)
        return await take(self, name, limit, lease_ms, by_group)

    monkeypatch.setattr(ItemRows, "take", counted)
    return limits


async def until_all_wait(store: PostgresStore, number: int) -> None:
    async with asyncio.timeout(10):
        while store.in_memory()["requests for items"] != number or store.under_way():
            await asyncio.sleep(0.001)


async def test_two_hundred_who_wait_for_a_queue_are_one_look(opened: Opened, takes: list[int]) -> None:
    store = await opened()
    waiting = [asyncio.create_task(store.lease(HERE, "q", 1, 60_000, wait=30)) for _ in range(200)]
    await until_all_wait(store, 200)
    takes.clear()
    await store.commit(*[Enqueue(HERE, "q", str(n).encode(), 0) for n in range(200)])
    async with asyncio.timeout(10):
        got = [item.data for items in await asyncio.gather(*waiting) for item in items]
    assert sorted(map(int, got)) == list(range(200))
    assert len(takes) <= 3
    assert store.in_memory()["requests for items"] == 0


async def test_the_first_to_wait_is_the_first_to_get(opened: Opened) -> None:
    store = await opened()
    waiting = [asyncio.create_task(store.lease(HERE, "q", 2, 60_000, wait=30)) for _ in range(3)]
    await until_all_wait(store, 3)
    await store.commit(*[Enqueue(HERE, "q", str(n).encode(), 0) for n in range(3)])
    async with asyncio.timeout(10):
        assert [item.data for item in await waiting[0]] == [b"0", b"1"]
        assert [item.data for item in await waiting[1]] == [b"2"]
    waiting[2].cancel()


async def test_what_nobody_waits_for_any_more_is_free_at_once_and_was_never_leased(opened: Opened) -> None:
    store = await opened()
    await store.commit(Enqueue(HERE, "q", b"x", 0))
    for _ in range(20):
        leasing = asyncio.create_task(store.lease(HERE, "q", 1, 3_600_000))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leasing.cancel()
        await asyncio.gather(leasing, return_exceptions=True)
    async with asyncio.timeout(10):
        (item,) = await store.lease(HERE, "q", 1, 60_000, wait=10)
    assert item.attempt == 1


async def test_who_waits_at_another_node_is_woken_by_a_message_and_not_by_looking(opened: Opened) -> None:
    first, second = await opened(), await opened()
    took = []
    for n in range(10):
        waiting = asyncio.create_task(second.lease(HERE, "q", 1, 60_000, wait=30))
        await until_all_wait(second, 1)
        began = time.monotonic()
        await first.commit(Enqueue(HERE, "q", str(n).encode(), 0))
        async with asyncio.timeout(10):
            assert len(await waiting) == 1
        took.append(time.monotonic() - began)
    assert sorted(took)[3] < 0.2  # a look is made after a second


async def test_a_shorter_lease_wakes_who_waits_at_another_node(opened: Opened) -> None:
    clock = VirtualClock()
    first, second = await opened(clock), await opened(clock)
    await first.commit(Enqueue(HERE, "q", b"x", 0))
    (item,) = await first.lease(HERE, "q", 1, 3_600_000)
    waiting = asyncio.create_task(second.lease(HERE, "q", 1, 60_000, wait=30))
    await until_all_wait(second, 1)
    assert await first.change_lease(HERE, "q", item.id, clock.now_ms(), item.token)
    async with asyncio.timeout(10):
        assert [one.id for one in await waiting] == [item.id]


async def test_two_nodes_take_the_items_of_many_groups_in_order_and_none_twice(opened: Opened) -> None:
    stores = await opened(), await opened()
    await stores[0].commit(
        *[Enqueue(HERE, "q", f"{n}/{turn}".encode(), 0, f"g{n}") for turn in range(2) for n in range(300)]
    )
    taken: dict[int, str] = {}

    async def work(store: PostgresStore) -> None:
        while len(taken) < 600:
            for item in await store.lease(HERE, "q", 7, 60_000, wait=1, by_group=True):
                assert item.id not in taken
                taken[item.id] = item.data.decode()
                await store.commit(item.acknowledge())

    async with asyncio.timeout(60):
        await asyncio.gather(*[work(store) for store in stores * 3])
    order = list(taken.values())
    assert all(order.index(f"{n}/0") < order.index(f"{n}/1") for n in range(300))


async def test_groups_behind_the_first_hundred_have_their_turn(opened: Opened) -> None:
    store = await opened()
    await store.commit(*[Enqueue(HERE, "q", b"", 0, f"g{n:04}") for n in range(250)])
    seen = set()
    for _ in range(25):
        seen |= {item.id for item in await store.lease(HERE, "q", 10, 60_000, by_group=True)}
    assert len(seen) == 250


async def test_the_figure_of_untaken_items_follows_this_node_at_once_and_the_others_soon(
    opened: Opened,
) -> None:
    first, second = await opened(), await opened()
    await first.commit(*[Enqueue(SYSTEM, "q", b"", 0) for _ in range(5)])
    async with asyncio.timeout(20):
        while first.untaken(SYSTEM, "q") != 5 or second.untaken(SYSTEM, "q") != 5:
            await asyncio.sleep(0.01)
        await first.commit(Enqueue(SYSTEM, "q", b"", 0))
        assert first.untaken(SYSTEM, "q") == 6
        assert len(await first.lease(SYSTEM, "q", 2, 60_000)) == 2
        assert first.untaken(SYSTEM, "q") == 4
        while second.untaken(SYSTEM, "q") != 4:
            await asyncio.sleep(0.01)


async def test_what_a_node_works_on_is_told_until_it_is_settled_or_put_off(opened: Opened) -> None:
    store = await opened()
    await store.commit(*[Enqueue(SYSTEM, "q", b"", 0) for _ in range(3)])
    one, two, three = await store.lease(SYSTEM, "q", 3, 60_000)
    assert store.under_way() == {"q": 3}
    await store.commit(one.acknowledge())
    await store.commit(two.give_back(0))
    assert store.under_way() == {"q": 1}
    await store.change_lease(SYSTEM, "q", three.id, three.first + 90_000, three.token, renewed=True)
    assert store.under_way() == {"q": 1}
    await store.change_lease(SYSTEM, "q", three.id, three.first + 90_000, three.token)
    assert store.under_way() == {}
