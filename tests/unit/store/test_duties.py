"""Of several nodes on one store one does the work, and another one goes on when that one dies."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from nightbus.clock import VirtualClock
from nightbus.node.forgetting import forget_hourly
from nightbus.store.duties import KIND, LEASE_SECONDS, on_duty
from nightbus.store.interface import SYSTEM, Counts, Store

QUEUE = "duty/sweep"


class Nodes:
    """Tasks that stand for nodes; `working` are those whose work is under way, by name."""

    def __init__(self, store: Store, clock: VirtualClock) -> None:
        self.store = store
        self.clock = clock
        self.working: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Awaitable[None]] | None = None) -> None:
        async def until_cancelled() -> None:
            self.working.append(name)
            try:
                await (work() if work is not None else asyncio.Event().wait())
            finally:
                self.working.remove(name)

        self.tasks[name] = asyncio.create_task(on_duty(self.store, self.clock, "sweep", until_cancelled))

    async def until_working(self, name: str) -> None:
        async with asyncio.timeout(10):
            while self.working != [name]:
                await asyncio.sleep(0.001)

    async def until_renewed(self) -> None:
        """Until the lease of the duty, the only item, is renewed, and whoever renews it sleeps again."""
        async with asyncio.timeout(10):
            while True:
                lease = await self.store.newest_lease(SYSTEM, QUEUE, 1)
                wake = self.clock.next_wake()
                left = lease.ends - self.clock.now_ms() if lease is not None else 0
                if left >= LEASE_SECONDS * 250 and wake is not None and wake <= LEASE_SECONDS / 3:
                    return
                await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


@pytest.fixture
async def nodes(timed: Store, clock: VirtualClock) -> AsyncIterator[Nodes]:
    made = Nodes(timed, clock)
    yield made
    await made.close()


async def test_one_works_and_keeps_the_duty(nodes: Nodes, clock: VirtualClock) -> None:
    nodes.start("a")
    await nodes.until_working("a")
    nodes.start("b")
    for _ in range(30):
        await clock.advance(LEASE_SECONDS / 4)
        await nodes.until_renewed()
        assert nodes.working == ["a"]


async def test_when_it_stops_the_next_one_works_at_once(nodes: Nodes) -> None:
    nodes.start("a")
    await nodes.until_working("a")
    nodes.start("b")
    await asyncio.sleep(0)
    nodes.tasks["a"].cancel()
    await nodes.until_working("b")


async def test_when_it_dies_the_next_one_works_after_the_lease(nodes: Nodes, clock: VirtualClock) -> None:
    """A node that died renews nothing: here somebody has the item who never comes back."""
    nodes.start("first")
    await nodes.until_working("first")
    nodes.tasks["first"].cancel()
    await asyncio.gather(nodes.tasks["first"], return_exceptions=True)
    (item,) = await nodes.store.lease(SYSTEM, QUEUE, 1, int(LEASE_SECONDS * 1000))
    nodes.start("b")
    await clock.advance(LEASE_SECONDS - 1)
    assert nodes.working == []
    await clock.advance(2)
    await nodes.until_working("b")
    assert not await nodes.store.change_lease(SYSTEM, QUEUE, item.id, 0, item.token)


async def test_who_lost_the_lease_stops(nodes: Nodes, clock: VirtualClock) -> None:
    nodes.start("slow")
    await nodes.until_working("slow")
    item = 1
    assert await nodes.store.change_lease(SYSTEM, QUEUE, item, clock.now_ms())  # as if it had not renewed it
    (taken,) = await nodes.store.lease(SYSTEM, QUEUE, 1, 10_000_000)
    await clock.advance(LEASE_SECONDS / 2)
    async with asyncio.timeout(10):
        while nodes.working:
            await asyncio.sleep(0.001)
    await nodes.store.commit(taken.give_back(0))
    await nodes.until_working("slow")


async def test_work_that_fails_frees_the_duty(nodes: Nodes) -> None:
    async def fail() -> None:
        raise RuntimeError("full")

    nodes.start("a", fail)
    with pytest.raises(RuntimeError, match="full"):
        await nodes.tasks["a"]
    nodes.start("b")
    await nodes.until_working("b")


async def test_work_that_ends_ends_the_duty(nodes: Nodes) -> None:
    async def nothing() -> None: ...

    nodes.start("a", nothing)
    await asyncio.wait_for(nodes.tasks["a"], 10)
    nodes.start("b")
    await nodes.until_working("b")


async def test_a_duty_that_nobody_has_is_forgotten_and_can_be_had_again(
    nodes: Nodes, clock: VirtualClock
) -> None:
    """The one that goes on is not, though there are looks at it, and neither is the looking itself."""

    async def nothing() -> None: ...

    store = nodes.store
    await on_duty(store, clock, "renamed", nothing)
    nodes.start("a")
    await nodes.until_working("a")
    looking = functools.partial(forget_hourly, store, clock)
    nodes.tasks["looking"] = asyncio.create_task(on_duty(store, clock, "looking", looking))
    async with asyncio.timeout(10):
        while await store.get(SYSTEM, KIND, "renamed") is not None:
            await clock.advance(LEASE_SECONDS / 4)
            await asyncio.sleep(0.001)
    assert {one.key for one in await store.list(SYSTEM, KIND)} == {"sweep", "looking"}
    assert await store.count(SYSTEM, "duty/renamed") == Counts(0, 0, 0)
    assert nodes.working == ["a"]
    await asyncio.wait_for(on_duty(store, clock, "renamed", nothing), 10)
