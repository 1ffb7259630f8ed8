"""Two nodes on one store: what each hears of the other, and that no work is done by both; on each shared backend."""

from __future__ import annotations

import asyncio
from typing import Protocol

import pytest

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_hex
from nightbus.clock import Clock, SystemClock, VirtualClock
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.queue_writes import Accepted, Incoming
from nightbus.messaging.queues import Queues
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.duties import LEASE_SECONDS, on_duty
from nightbus.store.interface import SYSTEM, Enqueue, PutRecord, StaleLease, Store, Touched

HERE = Scope("111111111111", "eu-west-1")


pytestmark = pytest.mark.parametrize("opened", ["memory", "postgres", "postgres-polls"], indirect=True)


class Opened(Protocol):
    async def __call__(self, clock: Clock | None = None) -> Store: ...


@pytest.fixture
async def stores(opened: Opened) -> tuple[Store, Store]:
    return await opened(), await opened()


async def test_each_hears_of_the_commits_of_the_other_in_their_order(stores: tuple[Store, Store]) -> None:
    first, second = stores
    heard: list[Touched | None] = []
    second.watch(heard.append, ["k"])
    for n in range(200):
        await (second if n % 5 == 0 else first).commit(PutRecord(HERE, "k", str(n), {}))

    def keys() -> list[int]:
        return [int(record.key) for touched in heard if touched for record in touched.records]

    async with asyncio.timeout(10):
        while len(keys()) + heard.count(None) < 200:
            await asyncio.sleep(0.001)
    assert keys() == sorted(keys())
    assert set(range(0, 200, 5)) <= set(keys())
    assert len(keys()) + heard.count(None) == 200


async def test_who_waits_at_one_node_gets_what_is_put_at_the_other(stores: tuple[Store, Store]) -> None:
    first, second = stores
    waiting = asyncio.create_task(second.lease(HERE, "q", 1, 60_000, wait=30))
    await asyncio.sleep(0)
    await first.commit(Enqueue(HERE, "q", b"x", 0))
    async with asyncio.timeout(10):
        (item,) = await waiting
    assert await first.lease(HERE, "q", 1, 60_000) == []
    await first.change_lease(HERE, "q", item.id, 0)
    (again,) = await first.lease(HERE, "q", 1, 60_000)
    assert (again.attempt, again.first) == (2, item.first)
    with pytest.raises(StaleLease):
        await second.commit(item.acknowledge())
    await second.commit(again.acknowledge())  # whichever node says so


async def test_no_item_goes_to_two_nodes(stores: tuple[Store, Store]) -> None:
    async def work(store: Store) -> list[int]:
        taken: list[int] = []
        while items := await store.lease(HERE, "q", 3, 60_000):
            taken += [item.id for item in items]
            await store.commit(*[item.acknowledge() for item in items])
        return taken

    await stores[0].commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(100)])
    taken = [item for some in await asyncio.gather(*map(work, stores * 4)) for item in some]
    assert len(taken) == len(set(taken)) == 100


async def until_renewed(store: Store, clock: VirtualClock) -> None:
    """Until the lease of the duty, the only item, is renewed, and whoever renews it sleeps again."""
    async with asyncio.timeout(10):
        while True:
            lease = await store.newest_lease(SYSTEM, "duty/sweep", 1)
            wake = clock.next_wake()
            left = lease.ends - clock.now_ms() if lease is not None else 0
            if left >= LEASE_SECONDS * 250 and wake is not None and wake <= LEASE_SECONDS / 3:
                return


async def test_of_two_nodes_one_has_a_duty_and_the_other_goes_on_when_it_is_gone(
    opened: Opened, clock: VirtualClock
) -> None:
    first, second = await opened(clock), await opened(clock)
    working: list[Store] = []

    def at_work(store: Store) -> asyncio.Task[None]:
        async def work() -> None:
            working.append(store)
            try:
                await asyncio.Event().wait()
            finally:
                working.remove(store)

        return asyncio.create_task(on_duty(store, clock, "sweep", work))

    async def until_works(store: Store) -> None:
        async with asyncio.timeout(10):
            while working != [store]:
                await asyncio.sleep(0.001)

    one = at_work(first)
    await until_works(first)
    other = at_work(second)
    for _ in range(8):
        await clock.advance(LEASE_SECONDS / 4)
        await until_renewed(first, clock)
        assert working == [first]
    one.cancel()
    await until_works(second)
    other.cancel()
    await asyncio.gather(one, other, return_exceptions=True)


class TestFifoQueue:
    """Two nodes send to it: one message for each deduplication id, numbered in the order in which they are received."""

    async def made(self, stores: tuple[Store, Store]) -> tuple[list[Queues], Queue]:
        value = {"id": new_hex(12), "attributes": {}, "tags": {}, "created": 0, "modified": 0, "purged": 0}
        await stores[0].commit(PutRecord(HERE, KIND, "q.fifo", value))
        nodes = [Queues(store, SystemClock()) for store in stores]
        queue = await nodes[0].find(HERE, "q.fifo")
        assert queue is not None
        return nodes, queue

    async def test_each_message_once_and_in_order(self, stores: tuple[Store, Store]) -> None:
        nodes, queue = await self.made(stores)
        clock = SystemClock()

        @retries_on_conflict
        async def send(node: Queues, key: str) -> Accepted:
            writes = node.writes()
            incoming = Incoming(key, {}, "g", key)
            accepted = await node.add(writes, queue, incoming, "sender", clock.now_ms())
            await writes.commit()
            return accepted._replace(sequence=writes.sequence(accepted))

        keys = [str(n) for n in range(20)]
        answers = await asyncio.gather(*(send(node, key) for key in keys for node in nodes * 2))
        by_key = [answers[at : at + 4] for at in range(0, 80, 4)]
        assert all(len(set(same)) == 1 for same in by_key)
        found: list[Accepted] = []
        while received := await nodes[1].receive(queue, 10, 60_000, 0):
            assert await nodes[0].receive(queue, 10, 60_000, 0) == []  # of one group, while somebody has some
            found += [Accepted(one.message.id, one.message.sequence) for one in received]
            await stores[0].commit(*[nodes[0].delete(queue, one.item.id) for one in received])
        assert found == sorted({same[0] for same in by_key}, key=lambda one: one.sequence)

    async def test_a_duplicate_at_the_other_node_is_answered_as_the_first(
        self, stores: tuple[Store, Store]
    ) -> None:
        nodes, queue = await self.made(stores)
        clock = SystemClock()

        @retries_on_conflict
        async def send(node: Queues, key: str) -> Accepted:
            writes = node.writes()
            accepted = await node.add(writes, queue, Incoming(key, {}, "g", key), "sender", clock.now_ms())
            await writes.commit()
            return accepted

        await send(nodes[1], "known before")  # so that each has loaded its window
        first = await send(nodes[0], "a")
        assert await send(nodes[1], "a") == first
        assert await send(nodes[0], "known before") == await send(nodes[1], "known before")

    async def test_who_is_overtaken_by_the_other_node_gets_a_higher_number(
        self, stores: tuple[Store, Store]
    ) -> None:
        nodes, queue = await self.made(stores)
        slow, quick = nodes[0].writes(), nodes[1].writes()
        now = SystemClock().now_ms() - 1  # both are visible when they are received
        planned = await nodes[0].add(slow, queue, Incoming("slow", {}, "g", "a"), "s", now)
        later = await nodes[1].add(quick, queue, Incoming("quick", {}, "g", "b"), "s", now + 1)
        await quick.commit()
        await slow.commit()
        assert planned.sequence < later.sequence < slow.sequence(planned)
        received = await nodes[1].receive(queue, 10, 60_000, 0)
        assert [(one.message.body, one.message.sequence) for one in received] == [
            ("quick", later.sequence),
            ("slow", slow.sequence(planned)),
        ]
        assert received[1].message.id == planned.message_id
