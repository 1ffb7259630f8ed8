"""A duty of a service, by lease: one node does it each hour, and another one goes on when that one dies."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus_rig import SCOPE, Rig, rig
from nightbus.services.events.engines.replaying import REPLAY, delete_old_replays
from nightbus.store.duties import LEASE_SECONDS, on_duty
from nightbus.store.interface import SYSTEM, PutRecord

HOUR = 3600
DAY = 24 * HOUR
NAME = "forgetting replays"


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


class Nodes:
    """Tasks that stand for nodes on one store, each with this duty."""

    def __init__(self, events: Rig) -> None:
        self._events = events
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        events = self._events
        work = functools.partial(delete_old_replays, events.platform)
        self._tasks.append(asyncio.create_task(on_duty(events.store, events.clock, NAME, work)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def nodes(events: Rig) -> AsyncIterator[Nodes]:
    made = Nodes(events)
    yield made
    await made.stop()


async def end_replay(events: Rig) -> None:
    """One that ended longer ago than replays are kept."""
    ended = events.clock.now_ms() - 91 * DAY * 1000
    await events.store.commit(PutRecord(SCOPE, REPLAY, "old", {"ReplayEndTime": ended}))


async def forgotten(events: Rig, step: float = 0) -> None:
    """Until it is, with so many seconds between two looks."""
    async with asyncio.timeout(20):
        while await events.store.list(SCOPE, REPLAY):
            await events.clock.advance(step)
            await asyncio.sleep(0.002)


async def test_one_node_does_it_each_hour_and_another_goes_on_when_that_one_dies(
    events: Rig, nodes: Nodes
) -> None:
    await end_replay(events)
    nodes.start()
    await forgotten(events)
    nodes.start()
    await end_replay(events)
    await events.clock.advance(HOUR - 120)
    assert len(await events.store.list(SCOPE, REPLAY)) == 1  # neither of them has its time
    await forgotten(events, 60)

    await nodes.stop()
    # A node that is gone gives nothing back: here somebody has the lease who never comes back.
    assert await events.store.lease(SYSTEM, f"duty/{NAME}", 1, int(LEASE_SECONDS * 1000))
    await end_replay(events)
    nodes.start()
    await events.clock.advance(LEASE_SECONDS - 1)
    assert len(await events.store.list(SCOPE, REPLAY)) == 1
    await forgotten(events, 1)
