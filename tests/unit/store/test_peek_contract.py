"""Tests the look at a queue's items that leases none of them, and the lease of one chosen item, on every backend."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import Acknowledge, Enqueue, Store

HERE = Scope("111111111111", "eu-west-1")


async def _three(store: Store, clock: VirtualClock, *groups: str) -> list[int]:
    now = clock.now_ms()
    for number, group in enumerate(groups or ("", "", "")):
        await store.commit(Enqueue(HERE, "q", str(number).encode(), now - 3 + number, group))
    return [one.id for one in await store.peek(HERE, "q", 10)]


class TestPeek:
    async def test_it_shows_what_is_there_and_changes_nothing(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await _three(timed, clock)
        await timed.commit(Enqueue(HERE, "q", b"later", clock.now_ms() + 1000))
        seen = await timed.peek(HERE, "q", 10)
        assert [one.data for one in seen] == [b"0", b"1", b"2", b"later"]
        assert {(one.attempts, one.first, one.leased_until) for one in seen} == {(0, 0, 0)}
        assert [one.attempt for one in await timed.lease(HERE, "q", 10, 1000)] == [1, 1, 1]

    async def test_it_shows_who_has_an_item_and_how_often_it_was_leased(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await _three(timed, clock)
        now = clock.now_ms()
        [item] = await timed.lease(HERE, "q", 1, 1000)
        seen = {one.id: one for one in await timed.peek(HERE, "q", 10)}
        assert (seen[item.id].attempts, seen[item.id].first, seen[item.id].leased_until) == (
            1,
            now,
            now + 1000,
        )
        await clock.advance(2)
        seen = {one.id: one for one in await timed.peek(HERE, "q", 10)}
        assert (seen[item.id].attempts, seen[item.id].leased_until) == (1, 0)

    async def test_pages_go_on_where_the_last_one_ended_in_either_direction(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await _three(timed, clock)
        first = await timed.peek(HERE, "q", 2)
        rest = await timed.peek(HERE, "q", 2, beyond=(first[-1].due, first[-1].id))
        assert [one.data for one in (*first, *rest)] == [b"0", b"1", b"2"]
        first = await timed.peek(HERE, "q", 2, backwards=True)
        rest = await timed.peek(HERE, "q", 2, beyond=(first[-1].due, first[-1].id), backwards=True)
        assert [one.data for one in (*first, *rest)] == [b"2", b"1", b"0"]

    async def test_chosen_items_are_found_by_their_ids(self, timed: Store, clock: VirtualClock) -> None:
        ids = await _three(timed, clock)
        seen = await timed.peek(HERE, "q", 10, items=[ids[2], ids[0], 999_999])
        assert [one.data for one in seen] == [b"0", b"2"]

    async def test_a_queue_that_is_not_there_is_empty(self, timed: Store) -> None:
        assert await timed.peek(HERE, "none", 10) == []
        assert await timed.lease_one(HERE, "none", 1, 1000) is None


class TestOneItem:
    async def test_it_is_leased_ahead_of_its_turn_and_the_others_follow(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        ids = await _three(timed, clock)
        item = await timed.lease_one(HERE, "q", ids[1], 1000)
        assert item is not None
        assert item.data == b"1"
        assert [one.data for one in await timed.lease(HERE, "q", 10, 1000)] == [b"0", b"2"]
        await timed.commit(Acknowledge(HERE, "q", item.id, item.token))
        assert [one.data for one in await timed.peek(HERE, "q", 10)] == [b"0", b"2"]

    async def test_nobody_gets_what_another_has(self, timed: Store, clock: VirtualClock) -> None:
        ids = await _three(timed, clock)
        assert await timed.lease_one(HERE, "q", ids[0], 1000) is not None
        assert await timed.lease_one(HERE, "q", ids[0], 1000) is None
        await clock.advance(2)
        assert await timed.lease_one(HERE, "q", ids[0], 1000) is not None

    async def test_it_is_offered_once_more_when_its_lease_is_over(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        ids = await _three(timed, clock)
        await timed.lease_one(HERE, "q", ids[1], 1000)
        await clock.advance(2)
        got = await timed.lease(HERE, "q", 10, 1000)
        assert sorted(one.data for one in got) == [b"0", b"1", b"2"]
        assert await timed.lease(HERE, "q", 10, 1000) == []

    async def test_what_is_not_due_yet_is_not_leased(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"later", clock.now_ms() + 1000))
        [item] = await timed.peek(HERE, "q", 1)
        assert await timed.lease_one(HERE, "q", item.id, 1000) is None
        await clock.advance(1)
        assert await timed.lease_one(HERE, "q", item.id, 1000) is not None

    async def test_one_of_a_group_locks_the_group_until_it_is_gone(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        ids = await _three(timed, clock, "a", "a", "b")
        item = await timed.lease_one(HERE, "q", ids[1], 1000, "a")
        assert item is not None
        assert await timed.lease_one(HERE, "q", ids[0], 1000, "a") is None
        assert [one.data for one in await timed.lease(HERE, "q", 10, 1000, by_group=True)] == [b"2"]
        await timed.commit(Acknowledge(HERE, "q", item.id, item.token))
        assert [one.data for one in await timed.lease(HERE, "q", 10, 1000, by_group=True)] == [b"0"]
