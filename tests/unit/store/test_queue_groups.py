"""Are the items of a group offered in order, and one lease's at a time?"""

from __future__ import annotations

import asyncio

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import Enqueue, Item, Store, TrimQueue

HERE = Scope("111111111111", "eu-west-1")


async def put(store: Store, *texts: str) -> None:
    """Items whose first letter is their group."""
    await store.commit(*[Enqueue(HERE, "q", text.encode(), 0, text[0]) for text in texts])


async def lease(store: Store, limit: int, lease_ms: int = 60_000) -> list[Item]:
    return await store.lease(HERE, "q", limit, lease_ms, by_group=True)


def texts(items: list[Item]) -> list[str]:
    return [item.data.decode() for item in items]


async def test_a_lease_takes_of_one_group_what_is_there_and_then_the_next(store: Store) -> None:
    await put(store, "a1", "b1", "a2", "c1", "a3")
    assert texts(await lease(store, 4)) == ["a1", "a2", "a3", "b1"]
    assert texts(await lease(store, 4)) == ["c1"]


async def test_a_group_waits_for_all_of_its_leased_items(store: Store) -> None:
    await put(store, "a1", "a2", "a3")
    first, second = await lease(store, 2)
    assert await lease(store, 2) == []
    await store.commit(first.acknowledge())
    assert await lease(store, 2) == []
    await store.commit(second.acknowledge())
    assert texts(await lease(store, 2)) == ["a3"]


async def test_what_comes_back_goes_before_what_came_after_it(timed: Store, clock: VirtualClock) -> None:
    await put(timed, "a1", "a2")
    (first,) = await lease(timed, 1, 1000)
    await clock.advance(1.1)
    (again,) = await lease(timed, 1, 1000)
    assert (again.id, again.attempt) == (first.id, 2)
    await timed.commit(again.give_back(0))
    assert texts(await lease(timed, 2)) == ["a1", "a2"]


async def test_who_waits_learns_that_a_group_is_free(store: Store) -> None:
    await put(store, "a1", "a2")
    (first,) = await lease(store, 1)
    waiting = asyncio.ensure_future(store.lease(HERE, "q", 1, 1000, wait=30, by_group=True))
    await store.commit(first.acknowledge())
    assert texts(await waiting) == ["a2"]


async def test_a_changed_lease_ends_when_it_was_told_to(timed: Store, clock: VirtualClock) -> None:
    await put(timed, "a1")
    (item,) = await lease(timed, 1, 1000)
    assert await timed.change_lease(HERE, "q", item.id, clock.now_ms() + 5000)
    await clock.advance(2)
    assert await lease(timed, 1) == []
    assert await timed.change_lease(HERE, "q", item.id, clock.now_ms())
    (again,) = await lease(timed, 1)
    assert again.attempt == 2
    await timed.commit(again.acknowledge())
    assert not await timed.change_lease(HERE, "q", item.id, clock.now_ms())
    assert await timed.newest_lease(HERE, "q", item.id) is None


async def test_a_trimmed_queue_has_nothing_and_takes_new_items(store: Store) -> None:
    await put(store, "a1", "a2")
    await lease(store, 1)
    await store.commit(TrimQueue(HERE, "q"))
    assert tuple(await store.count(HERE, "q")) == (0, 0, 0)
    await put(store, "a3")
    assert texts(await lease(store, 5)) == ["a3"]


async def test_items_are_counted_by_what_keeps_them(timed: Store, clock: VirtualClock) -> None:
    await put(timed, "a1", "b1", "c1")
    await timed.commit(Enqueue(HERE, "q", b"d1", clock.now_ms() + 5000, "d"))
    await lease(timed, 1)
    assert tuple(await timed.count(HERE, "q")) == (2, 1, 1)


async def test_what_was_due_too_long_ago_is_trimmed(timed: Store, clock: VirtualClock) -> None:
    now = clock.now_ms()
    await timed.commit(*[Enqueue(HERE, "q", bytes([n]), now + n * 1000) for n in range(4)])
    await clock.advance(10)
    await timed.commit(TrimQueue(HERE, "q", now + 2000))
    assert [item.data for item in await timed.lease(HERE, "q", 9, 1000)] == [b"\x02", b"\x03"]


async def test_who_waits_for_a_group_hears_that_its_leased_item_was_trimmed(store: Store) -> None:
    await store.commit(Enqueue(HERE, "q", b"a1", 1, "a"), Enqueue(HERE, "q", b"a2", 2, "a"))
    assert texts(await lease(store, 1)) == ["a1"]
    waiting = asyncio.create_task(store.lease(HERE, "q", 1, 60_000, 20.0, by_group=True))
    await asyncio.sleep(0.05)
    await store.commit(TrimQueue(HERE, "q", before=2))
    async with asyncio.timeout(20):
        assert texts(await waiting) == ["a2"]
