"""Tests that a message which is sent on leaves its queue in the commit that sends it, and stays where that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus_rig import QUEUE, Rig, rig
from nightbus.clock import VirtualClock
from nightbus.console.dead_letters.redrive import delete, redrive
from nightbus.messaging.message import Message, encode
from nightbus.messaging.queue import Queue
from nightbus.store.interface import Acknowledge, Change, Enqueue, QueueName, StaleLease
from nightbus.store.sqlite.store import SqliteStore

TARGET = QUEUE.replace(":q", ":work")


class Commits:
    """What was committed since; `failure` is raised instead of a commit."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[Change, ...]] = []
        self.failure: Exception | None = None
        commit = store.commit

        async def recorded(*changes: Change, **options: Any) -> None:
            if self.failure is not None:
                raise self.failure
            await commit(*changes, **options)
            self.seen.append(changes)

        monkeypatch.setattr(store, "commit", recorded)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data", VirtualClock()) as made:
        await made.queue("q")
        await made.queue("work")
        yield made


async def _dead(bus: Rig) -> tuple[Queue, int]:
    """The queue `q` with a message that the queue `work` gave up, and its id."""
    queue = await bus.platform.queues.find_arn(QUEUE)
    assert queue is not None
    now = bus.clock.now_ms()
    letter = Message("m", "body", now, "sender", received=3, source=TARGET)
    await bus.store.commit(Enqueue(queue.scope, queue.queue, encode(letter), now))
    [item] = await bus.store.peek(queue.scope, queue.queue, 10)
    return queue, item.id


async def test_one_commit_moves_a_message(bus: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    queue, item = await _dead(bus)
    commits = Commits(bus.store, monkeypatch)
    outcome = await redrive(bus.platform, queue, [item])
    assert (outcome.done, outcome.failed) == (1, {})
    [changes] = commits.seen
    assert [type(one) for one in changes] == [Acknowledge, Enqueue]
    target = await bus.platform.queues.find_arn(TARGET)
    assert target is not None
    [received] = await bus.platform.queues.receive(target, 10, 1000, 0)
    assert (received.message.body, received.receives, received.message.source) == ("body", 1, "")


@pytest.mark.parametrize("move", [redrive, delete])
async def test_a_message_stays_where_its_commit_fails(
    bus: Rig, monkeypatch: pytest.MonkeyPatch, move: Any
) -> None:
    queue, item = await _dead(bus)
    commits = Commits(bus.store, monkeypatch)
    commits.failure = OSError("the disk is full")
    with pytest.raises(OSError, match="full"):
        await move(bus.platform, queue, [item])
    commits.failure = StaleLease(QueueName(queue.scope, queue.queue), item)
    outcome = await move(bus.platform, queue, [item])
    assert outcome.failed == {item: "The message is gone."}
    commits.failure = None
    assert (await move(bus.platform, queue, [item])).done == 1


async def test_a_message_that_somebody_has_is_left_alone(bus: Rig) -> None:
    queue, item = await _dead(bus)
    await bus.platform.queues.receive(queue, 1, 1000, 0)
    outcome = await redrive(bus.platform, queue, [item])
    assert (outcome.done, outcome.failed[item].startswith("Somebody has the message now")) == (0, True)
    await bus.clock.advance(2)
    assert (await redrive(bus.platform, queue, [item])).done == 1


async def test_a_queue_of_another_type_is_no_destination(bus: Rig) -> None:
    queue, item = await _dead(bus)
    await bus("CreateQueue", "sqs", QueueName="f.fifo", Attributes={"FifoQueue": "true"})
    fifo = await bus.platform.queues.find_arn(QUEUE.replace(":q", ":f.fifo"))
    outcome = await redrive(bus.platform, queue, [item], fifo)
    assert outcome.failed == {item: "Both queues must be FIFO queues, or none of them."}
