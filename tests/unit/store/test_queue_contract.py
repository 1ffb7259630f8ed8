"""Tests the queues that `nightbus.store.interface` promises, on every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import Clock, VirtualClock
from nightbus.store.interface import (
    Acknowledge,
    Change,
    Enqueue,
    EnqueueMany,
    Item,
    PutRecord,
    StaleLease,
    Store,
    TrimQueue,
)

HERE = Scope("111111111111", "eu-west-1")
THERE = Scope("111111111111", "us-east-1")


class Opened(Protocol):
    forgets_leases: bool

    async def __call__(self, clock: Clock | None = None) -> Store: ...


def _needs_leases_that_a_restart_ends(opened: Opened) -> None:
    if not opened.forgets_leases:
        pytest.skip(
            "this backend keeps the leases for all nodes: those of a node that ended stand until their time"
        )


async def ticks() -> None:
    """Let what was started come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestQueues:
    async def test_due_items_are_leased_once_in_the_order_of_their_time(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        now = clock.now_ms()
        dues = [now, now - 5, now + 1, now - 9]
        await timed.commit(*[Enqueue(HERE, "q", str(due - now).encode(), due) for due in dues])
        got = await timed.lease(HERE, "q", 10, 1000)
        assert [(one.data, one.attempt) for one in got] == [(b"-9", 1), (b"-5", 1), (b"0", 1)]
        assert await timed.lease(HERE, "q", 10, 1000) == []

    async def test_many_items_are_put_as_so_many_single_ones(self, timed: Store, clock: VirtualClock) -> None:
        now = clock.now_ms()
        await timed.commit(Enqueue(HERE, "q", b"0", now))
        assert [item.data for item in await timed.lease(HERE, "q", 1, 1000)] == [b"0"]
        await timed.commit(EnqueueMany(HERE, "q", [b"1", b"2"], now), Enqueue(HERE, "q", b"3", now))
        await timed.commit(EnqueueMany(HERE, "q", [], now), EnqueueMany(HERE, "q", [b"later"], now + 1000))
        found = await timed.lease(HERE, "q", 10, 1000)
        assert [item.data for item in found] == [b"1", b"2", b"3"]
        await timed.commit(found[1].acknowledge())
        await clock.advance(1.0)
        found = await timed.lease(HERE, "q", 10, 1000)
        assert sorted(item.data for item in found) == [b"0", b"1", b"3", b"later"]

    async def test_limit_and_names_keep_items_apart(self, store: Store) -> None:
        await store.commit(
            *[Enqueue(HERE, "q", bytes([n]), 0) for n in range(3)], Enqueue(THERE, "q", b"t", 0)
        )
        first = await store.lease(HERE, "q", 2, 60_000)
        second = await store.lease(HERE, "q", 2, 60_000)
        assert [one.data for one in first + second] == [b"\0", b"\1", b"\2"]
        assert [one.data for one in await store.lease(THERE, "q", 2, 60_000)] == [b"t"]
        assert await store.lease(HERE, "none", 1, 1) == []

    async def test_ids_are_unique_over_all_queues_and_never_used_twice(self, opened: Opened) -> None:
        store = await opened()
        await store.commit(Enqueue(HERE, "q", b"", 0), Enqueue(HERE, "r", b"", 0))
        items = [one for queue in "qr" for one in await store.lease(HERE, queue, 9, 60_000)]
        await store.commit(*[item.acknowledge() for item in items])
        await store.close()
        again = await opened()
        await again.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await again.lease(HERE, "q", 9, 60_000)
        assert len({one.id for one in (*items, item)}) == 3

    async def test_an_acknowledged_item_is_gone(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await timed.lease(HERE, "q", 1, 10)
        await timed.commit(item.acknowledge(), item.acknowledge())
        await clock.advance(60)
        assert await timed.lease(HERE, "q", 1, 10) == []

    async def test_a_lease_that_ends_offers_the_item_again(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", 0))
        (first,) = await timed.lease(HERE, "q", 1, 2000)
        await clock.advance(1.9)
        assert await timed.lease(HERE, "q", 1, 2000) == []
        await clock.advance(0.2)
        (second,) = await timed.lease(HERE, "q", 1, 2000)
        assert (second.id, second.data, second.attempt) == (first.id, b"x", 2)

    async def test_given_back_it_comes_at_its_new_time_with_its_new_data(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"old", 0))
        (item,) = await timed.lease(HERE, "q", 1, 60_000)
        due = clock.now_ms() + 5000
        await timed.commit(item.give_back(due, b"new"))
        assert await timed.lease(HERE, "q", 1, 60_000) == []
        await clock.advance(5)
        (again,) = await timed.lease(HERE, "q", 1, 60_000)
        assert again == Item(item.id, b"new", due, 2, item.queue, again.token, item.first)
        await timed.commit(again.give_back(0))
        (third,) = await timed.lease(HERE, "q", 1, 60_000)
        assert third == Item(item.id, b"new", 0, 3, item.queue, third.token, item.first)

    async def test_waiting_ends_when_something_is_put_in(self, store: Store) -> None:
        waiting = asyncio.ensure_future(store.lease(HERE, "q", 1, 1000, wait=30))
        await ticks()
        await store.commit(Enqueue(HERE, "q", b"x", 0))
        async with asyncio.timeout(20):
            assert [one.data for one in await waiting] == [b"x"]

    async def test_waiting_ends_when_something_becomes_due(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", clock.now_ms() + 3000))
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 1000, wait=30))
        await ticks()
        await clock.advance(2.9)
        assert not waiting.done()
        await clock.advance(0.1)
        assert [one.data for one in await waiting] == [b"x"]
        assert clock.monotonic() == pytest.approx(3)

    async def test_waiting_ends_when_a_lease_does_or_an_item_comes_back(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", 0))
        (item,) = await timed.lease(HERE, "q", 1, 4000)
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 4000, wait=30))
        await ticks()
        await clock.advance(4)
        (again,) = await waiting
        assert (again.id, again.attempt) == (item.id, 2)
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 4000, wait=30))
        await ticks()
        await timed.commit(again.give_back(0))
        async with asyncio.timeout(20):
            assert [one.attempt for one in await waiting] == [3]

    async def test_waiting_for_nothing_ends_in_time(self, timed: Store, clock: VirtualClock) -> None:
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 1000, wait=2))
        await ticks()
        await clock.advance(2)
        assert await waiting == []

    async def test_no_item_goes_to_two(self, store: Store) -> None:
        async def worker() -> list[int]:
            got: list[int] = []
            while found := await store.lease(HERE, "q", 3, 60_000):
                got += [one.id for one in found]
                await store.commit(*[one.acknowledge() for one in found])
            return got

        await store.commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(200)])
        taken = [item for got in await asyncio.gather(*[worker() for _ in range(8)]) for item in got]
        assert len(taken) == len(set(taken)) == 200

    async def test_after_a_restart_what_was_leased_is_offered_again(self, opened: Opened) -> None:
        _needs_leases_that_a_restart_ends(opened)
        store = await opened()
        await store.commit(Enqueue(HERE, "q", b"x", 0))
        (first,) = await store.lease(HERE, "q", 1, 3_600_000)
        await store.close()
        (again,) = await (await opened()).lease(HERE, "q", 1, 1000)
        assert (again.id, again.data) == (first.id, b"x")


class TestTokens:
    """What settles an item names its lease; the token is stale once somebody else has the item."""

    @pytest.mark.parametrize("by_group", [False, True])
    async def test_who_has_an_item_gets_it_again_by_a_new_lease(
        self, timed: Store, clock: VirtualClock, by_group: bool
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"one", 0, "g"), Enqueue(HERE, "q", b"two", 0, "g"))
        (old,) = await timed.lease(HERE, "q", 1, 1_000, by_group=by_group)
        new = await timed.lease_again(HERE, "q", old.id, old.token, 60_000, old.data)
        assert new is not None
        assert (new.id, new.data, new.attempt, new.first) == (old.id, b"one", 2, old.first)
        await clock.advance(2)
        others = await timed.lease(HERE, "q", 10, 1_000, by_group=by_group)
        assert [one.data for one in others] == ([] if by_group else [b"two"])
        with pytest.raises(StaleLease):
            await timed.commit(old.acknowledge())
        assert await timed.lease_again(HERE, "q", old.id, old.token, 60_000) is None
        await timed.commit(new.acknowledge())
        assert await timed.lease_again(HERE, "q", new.id, new.token, 60_000) is None
        await clock.advance(2)
        (second,) = await timed.lease(HERE, "q", 10, 1_000, by_group=by_group)
        await clock.advance(2)  # its lease is over, though nobody else has the item yet
        assert await timed.lease_again(HERE, "q", second.id, second.token, 1_000) is None
        assert [one.id for one in await timed.lease(HERE, "q", 10, 1_000, by_group=by_group)] == [second.id]

    @pytest.mark.parametrize("settle", [Item.acknowledge, lambda item: item.give_back(0)])
    async def test_who_comes_too_late_settles_nothing(
        self, timed: Store, clock: VirtualClock, settle: Callable[[Item], Change]
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (slow,) = await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        (quick,) = await timed.lease(HERE, "q", 1, 60_000)
        assert quick.token != slow.token
        with pytest.raises(StaleLease):
            await timed.commit(settle(slow), PutRecord(HERE, "k", "a", {}))
        assert await timed.get(HERE, "k", "a") is None
        assert not await timed.change_lease(HERE, "q", slow.id, clock.now_ms(), slow.token)
        newest = await timed.newest_lease(HERE, "q", slow.id)
        assert newest == (quick.token, clock.now_ms() + 60_000, slow.first)
        await timed.commit(quick.acknowledge(), PutRecord(HERE, "k", "a", {}))
        with pytest.raises(StaleLease):
            await timed.commit(quick.acknowledge())

    async def test_a_lease_that_ended_stands_until_there_is_another(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        await timed.commit(item.acknowledge())
        assert await timed.lease(HERE, "q", 1, 1_000) == []

    async def test_without_a_token_whoever_has_it(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        (item,) = await timed.lease(HERE, "q", 1, 60_000)
        await timed.commit(Acknowledge(HERE, "q", item.id))
        assert (await timed.count(HERE, "q")) == (0, 0, 0)

    async def test_the_oldest_due_item_counts_whoever_has_it(self, timed: Store, clock: VirtualClock) -> None:
        now = clock.now_ms()
        assert await timed.oldest_due(HERE, "q") is None
        await timed.commit(Enqueue(HERE, "q", b"", now + 5_000))
        assert await timed.oldest_due(HERE, "q") is None
        await timed.commit(Enqueue(HERE, "q", b"", now))
        await clock.advance(10)
        assert await timed.oldest_due(HERE, "q") == now
        (first,) = await timed.lease(HERE, "q", 1, 60_000)
        assert await timed.oldest_due(HERE, "q") == now
        await timed.commit(first.acknowledge())
        assert await timed.oldest_due(HERE, "q") == now + 5_000

    async def test_no_two_leases_have_one_token_not_even_over_a_restart(self, opened: Opened) -> None:
        _needs_leases_that_a_restart_ends(opened)
        store = await opened()
        await store.commit(Enqueue(HERE, "q", b"", 0))
        (before,) = await store.lease(HERE, "q", 1, 3_600_000)
        await store.close()
        store = await opened()
        with pytest.raises(StaleLease):
            await store.commit(before.acknowledge())
        (after,) = await store.lease(HERE, "q", 1, 3_600_000)
        assert after.token != before.token

    async def test_of_a_queue_that_is_gone(self, store: Store) -> None:
        await store.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await store.lease(HERE, "q", 1, 60_000)
        await store.commit(TrimQueue(HERE, "q"))
        with pytest.raises(StaleLease):
            await store.commit(item.acknowledge())
