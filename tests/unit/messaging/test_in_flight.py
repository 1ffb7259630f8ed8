"""The quota of messages in flight holds over the nodes of a store, is counted now and then, and ends when they are
deleted or visible again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from memory_store import MemoryCluster, MemoryStore
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.messaging import in_flight
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.queue_writes import Incoming
from nightbus.messaging.queues import Queues
from nightbus.services.sqs.receiving import _until_room
from nightbus.store.interface import DeleteRecord, PutRecord

HERE = Scope("000000000000", "us-east-1")
VISIBILITY_MS = 3_600_000


class Store(MemoryStore):
    counts = 0

    async def leased(self, scope: Scope, queue: str, most: int) -> int:
        self.counts += 1
        return await super().leased(scope, queue, most)


class Node:
    def __init__(self, cluster: MemoryCluster, clock: VirtualClock) -> None:
        self.clock = clock
        self.store = Store(cluster, clock, slow=False)
        self.queues = Queues(self.store, clock)
        self.ctx: Any = SimpleNamespace(platform=SimpleNamespace(clock=clock, queues=self.queues))

    async def send(self, queue: Queue, number: int) -> None:
        for at in range(number):
            writes = self.queues.writes()
            incoming = Incoming(str(at), {}, group=str(at), deduplication=str(at))
            await self.queues.add(writes, queue, incoming, "sender", self.clock.now_ms())
            await writes.commit()

    async def receive(self, queue: Queue, wait: float = 0.0) -> int:
        """As ReceiveMessage: how many messages there were. Raises AwsError."""
        left = await _until_room(self.ctx, queue, wait)
        return len(await self.queues.receive(queue, 2, VISIBILITY_MS, left)) if left >= 0 else 0


@pytest.fixture
async def nodes(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Node]]:
    monkeypatch.setattr(in_flight, "MOST", 20)
    monkeypatch.setattr(in_flight, "_UNCOUNTED", 4)
    cluster, clock = MemoryCluster(), VirtualClock()
    nodes = [Node(cluster, clock) for _ in range(2)]
    yield nodes
    for node in nodes:
        await node.store.close()


async def make(node: Node, name: str) -> Queue:
    value = {"id": "1", "attributes": {}, "tags": {}, "created": 0, "modified": 0, "purged": 0}
    await node.store.commit(PutRecord(HERE, KIND, name, value))
    queue = await node.queues.find(HERE, name)
    assert queue is not None
    return queue


async def fill(nodes: list[Node], queue: Queue) -> int:
    """Receive by turns until nothing more comes; how many came."""
    total = 0
    while True:
        got = 0
        for node in nodes:
            try:
                got += await node.receive(queue)
            except AwsError as refused:
                assert (refused.code, refused.status, queue.fifo) == ("OverLimit", 403, False)
                assert refused.message.startswith("Too many messages have been received without being")
        total += got
        await nodes[0].clock.advance(1.0)
        if not got:
            return total


async def long_poll(node: Node, queue: Queue) -> int:
    """How many messages come within 20 s."""
    waiting = asyncio.create_task(node.receive(queue, wait=20.0))
    async with asyncio.timeout(60):
        while not waiting.done():
            if node.clock.next_wake() is not None:
                await node.clock.advance(1.0)
            await asyncio.sleep(0.001)
    return await waiting


@pytest.mark.parametrize("name", ["q", "q.fifo"])
async def test_no_more_are_in_flight_than_may_be(nodes: list[Node], name: str) -> None:
    queue = await make(nodes[0], name)
    await nodes[1].store.caught_up()
    await nodes[0].send(queue, 40)
    assert 20 <= await fill(nodes, queue) <= 24
    assert await long_poll(nodes[1], queue) == 0  # no error
    await nodes[0].clock.advance(VISIBILITY_MS / 1000 - 25)
    assert await long_poll(nodes[1], queue) == 2  # the first ones are visible again meanwhile


async def test_a_queue_that_is_far_from_its_quota_is_counted_seldom(nodes: list[Node]) -> None:
    queue = await make(nodes[0], "q")
    await nodes[0].send(queue, 100)
    (node, _) = nodes
    for _ in range(50):
        for item in await node.queues.receive(
            queue, 2, VISIBILITY_MS, await _until_room(node.ctx, queue, 0.0)
        ):
            await node.store.commit(node.queues.delete(queue, item.item.id))
    assert 20 <= node.store.counts <= 26  # 100 messages, 4 between two counts
    assert nodes[1].store.counts == 0


async def test_a_queue_that_is_deleted_is_forgotten(nodes: list[Node]) -> None:
    queue = await make(nodes[0], "q")
    await nodes[0].send(queue, 2)
    assert await nodes[0].receive(queue) == 2
    assert len(nodes[0].queues.in_flight) == 1
    await nodes[0].store.commit(DeleteRecord(HERE, KIND, "q"))
    assert len(nodes[0].queues.in_flight) == 0
