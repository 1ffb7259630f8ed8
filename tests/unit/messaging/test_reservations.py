"""Deduplication ids of commits that are under way: nobody waits for one without an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.messaging.deduplication import log_of
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.queue_writes import Accepted, Incoming
from nightbus.messaging.queues import Queues
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Append, PutRecord
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("000000000000", "us-east-1")


class Rig:
    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self.store = SqliteStore.open(folder, self.clock, durable=False)
        self.queues = Queues(self.store, self.clock)

    async def make(self) -> Queue:
        value = {"id": "1", "attributes": {}, "tags": {}, "created": 0, "modified": 0, "purged": 0}
        await self.store.commit(PutRecord(HERE, KIND, "q.fifo", value))
        found = await self.queues.find(HERE, "q.fifo")
        assert found is not None
        return found

    async def send(self, queue: Queue, *keys: str) -> list[Accepted]:
        return await retries_on_conflict(self._send)(queue, keys)

    async def _send(self, queue: Queue, keys: Sequence[str]) -> list[Accepted]:
        """A batch, as SendMessageBatch sends it."""
        writes = self.queues.writes()
        try:
            accepted = [
                await self.queues.add(
                    writes, queue, Incoming(key, {}, "g", key), "sender", self.clock.now_ms()
                )
                for key in keys
            ]
        except BaseException:
            writes.settle(committed=False)
            raise
        await writes.commit()
        return accepted


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "data")
    yield made
    await made.store.close()


async def test_batches_that_wait_for_each_others_ids_come_to_an_end(rig: Rig) -> None:
    """The first two wait in the middle of their batches, each with an id that the other one is to ask for."""
    queue = await rig.make()
    held = rig.queues.writes()
    await rig.queues.add(held, queue, Incoming("x", {}, "g", "x"), "sender", rig.clock.now_ms())
    batches = [
        asyncio.create_task(rig.send(queue, *keys)) for keys in (["a", "x", "b"], ["b", "x", "a"], ["a", "b"])
    ]
    await asyncio.sleep(0.05)
    await held.commit()
    first, second, third = await asyncio.wait_for(asyncio.gather(*batches), 5)
    assert [one.message_id for one in first] == [
        second[2].message_id,
        second[1].message_id,
        second[0].message_id,
    ]
    assert [one.message_id for one in third] == [first[0].message_id, first[2].message_id]
    received = await rig.queues.receive(queue, 10, 30_000, 0)
    assert sorted(one.message.body for one in received) == ["a", "b", "x"]  # each once


async def test_what_is_given_up_twice_lets_its_ids_go_once(rig: Rig) -> None:
    queue = await rig.make()
    given_up = rig.queues.writes()
    await rig.queues.add(given_up, queue, Incoming("a", {}, "g", "a"), "sender", rig.clock.now_ms())
    given_up.settle(committed=False)
    (sent,) = await rig.send(queue, "a")
    given_up.settle(committed=False)
    assert await rig.send(queue, "a") == [sent]


async def test_messages_that_an_earlier_release_sent_are_remembered_and_numbered_before(rig: Rig) -> None:
    """Their entries have offsets that the store gave."""
    queue, now = await rig.make(), rig.clock.now_ms()
    old = f"{(now << 22) + 1:020d}"
    entry = orjson.dumps(["a", "message-1", old])
    await rig.store.commit(Append(HERE, log_of(queue.queue), now, entry))
    again, new = await rig.send(queue, "a", "b")
    assert again == ("message-1", old)
    assert new.sequence > old
    assert [one.message.body for one in await rig.queues.receive(queue, 10, 30_000, 0)] == ["b"]
