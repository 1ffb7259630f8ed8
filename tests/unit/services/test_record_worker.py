"""What records wait for is carried out once at a time, again after trouble, and also for one that changes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bus_rig import SCOPE, Rig, rig
from nightbus.aws.calls import Scope
from nightbus.services.context import Platform
from nightbus.services.lambda_.lifecycle.record_worker import RecordWorker
from nightbus.store.interface import PutRecord, RecordReader

KIND = "test/record"


async def is_waiting(store: RecordReader, scope: Scope, key: str) -> bool:
    record = await store.get(scope, KIND, key)
    return record is not None and bool(record.value["waits"])


class World:
    """`done` has the value of each record as it was carried out; `gate` is what that waits for."""

    def __init__(self, events: Rig) -> None:
        self.store, self.clock = events.store, events.clock
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[str] = []
        self.done: list[Any] = []
        self.failures = 0
        platform = cast(Platform, SimpleNamespace(store=self.store, clock=self.clock))
        self.worker = RecordWorker(platform, KIND, 2, is_waiting, self._carry_out)

    async def put(self, key: str, number: int, *, waits: bool = True) -> None:
        await self.store.commit(PutRecord(SCOPE, KIND, key, {"waits": waits, "number": number}))

    async def _carry_out(self, _: Platform, scope: Scope, key: str) -> None:
        record = await self.store.get(scope, KIND, key)
        assert record is not None
        self.begun.append(key)
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        now = await self.store.get(scope, KIND, key)
        if now is not None and now.revision == record.revision:
            await self.put(key, record.value["number"], waits=False)
            self.done.append(record.value["number"])

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with rig(tmp_path) as events:
        made = World(events)
        await made.put("before", 1)
        running = asyncio.create_task(made.worker.run())
        yield made
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_waited_before_the_start_is_carried_out(world: World) -> None:
    await world.until(lambda: world.done == [1])
    await world.put("after", 2)
    await world.until(lambda: world.done == [1, 2])


async def test_a_record_that_changes_meanwhile_is_carried_out_again(world: World) -> None:
    await world.until(lambda: world.done == [1])
    world.gate.clear()
    await world.put("one", 2)
    await world.until(lambda: "one" in world.begun)
    await world.put("one", 3)
    world.gate.set()
    await world.until(lambda: world.done == [1, 3])
    assert world.begun.count("one") == 2


async def test_what_fails_is_tried_again(world: World) -> None:
    await world.until(lambda: world.done == [1])
    world.failures = 1
    await world.put("one", 2)
    await world.until(lambda: "one" in world.begun)
    async with asyncio.timeout(20):
        while world.done != [1, 2]:
            await world.clock.advance(1)
            await asyncio.sleep(0.01)
