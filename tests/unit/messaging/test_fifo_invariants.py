"""FIFO queues whatever happens in whatever order, on a clock that the test moves: groups in order, no duplicates."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_hex
from nightbus.clock import VirtualClock
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.queue_writes import Accepted, Incoming
from nightbus.messaging.queues import Queues
from nightbus.messaging.receive_attempts import Received
from nightbus.store.interface import Conflict, PutRecord
from nightbus.store.sqlite.store import SqliteStore

T = TypeVar("T")

HERE = Scope("000000000000", "us-east-1")
WINDOW = 300.0
VISIBILITY_MS = 30_000
GROUPS = st.sampled_from("abc")


class Rig:
    """The queues of a store in a folder, on a clock that stands still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock()
        self.store = SqliteStore.open(folder, self.clock, durable=False)
        self.queues = Queues(self.store, self.clock)

    async def make(self, name: str = "q.fifo", **attributes: str) -> Queue:
        value = {
            "id": new_hex(12),
            "attributes": attributes,
            "tags": {},
            "created": 0,
            "modified": 0,
            "purged": 0,
        }
        await self.store.commit(PutRecord(HERE, KIND, name, value))
        found = await self.queues.find(HERE, name)
        assert found is not None
        return found

    async def send(self, queue: Queue, body: str, group: str = "g", key: str = "") -> Accepted:
        writes = self.queues.writes()
        incoming = Incoming(body, {}, group=group, deduplication=key)
        accepted = await self.queues.add(writes, queue, incoming, "sender", self.clock.now_ms())
        await writes.commit()
        return accepted

    async def receive(self, queue: Queue, limit: int = 10, wait: float = 0) -> list[Received]:
        return await self.queues.receive(queue, limit, VISIBILITY_MS, wait)

    async def bodies(self, queue: Queue) -> list[str]:
        return [one.message.body for one in await self.receive(queue)]

    async def restart(self) -> None:
        await self.store.close()
        self.store = SqliteStore.open(self.folder, self.clock, durable=False)
        self.queues = Queues(self.store, self.clock)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path / "data")
    yield made
    await made.store.close()


async def test_numbers_grow_in_the_order_of_the_commits_whoever_was_planned_first(rig: Rig) -> None:
    """A put of events waits for many things between its first message and its commit."""
    queue, now = await rig.make(), rig.clock.now_ms()
    slow = rig.queues.writes()
    first = await rig.queues.add(slow, queue, Incoming("planned first", {}, "g", "a"), "sender", now)
    again = await rig.queues.add(slow, queue, Incoming("planned first", {}, "g", "a"), "sender", now)
    waiting = asyncio.create_task(rig.send(queue, "planned first", key="a"))
    await asyncio.sleep(0)
    quick = await rig.send(queue, "committed first", key="b")
    await slow.commit()
    found = await rig.receive(queue)
    assert [one.message.body for one in found] == ["committed first", "planned first"]
    numbers = [one.message.sequence for one in found]
    assert numbers == sorted(numbers) == [quick.sequence, slow.sequence(first)]
    assert slow.sequence(again) == numbers[1]
    assert await waiting == (first.message_id, numbers[1])  # the same message, by its number of now
    assert (await rig.send(queue, "planned first", key="a")).sequence == numbers[1]
    await rig.restart()
    assert (await rig.send(queue, "planned first", key="a")).sequence == numbers[1]


@pytest.mark.parametrize("restart", [False, True])
async def test_an_id_is_remembered_for_five_minutes_and_no_longer(rig: Rig, restart: bool) -> None:
    queue = await rig.make()
    first = await rig.send(queue, "first", key="k")
    for _ in range(3):
        await rig.clock.advance(WINDOW / 3 - 0.001)
        if restart:
            await rig.restart()
        assert await rig.send(queue, "again", key="k") == first
    await rig.clock.advance(0.003)
    if restart:
        await rig.restart()
    second = await rig.send(queue, "second", key="k")
    assert second.message_id != first.message_id
    assert int(second.sequence) > int(first.sequence)
    assert await rig.bodies(queue) == ["first", "second"]


async def test_what_failed_to_commit_was_not_sent(rig: Rig) -> None:
    queue = await rig.make()
    writes = rig.queues.writes()
    await rig.queues.add(writes, queue, Incoming("lost", {}, "g", "k"), "sender", rig.clock.now_ms())
    waiting = asyncio.ensure_future(rig.send(queue, "kept", key="k"))
    await asyncio.sleep(0)
    with pytest.raises(Conflict):
        await writes.commit(PutRecord(HERE, KIND, "q.fifo", {}, expect=99))
    await waiting
    assert await rig.bodies(queue) == ["kept"]


async def test_who_sends_while_the_first_is_committed_is_answered_like_it(rig: Rig) -> None:
    queue = await rig.make()
    answers = await asyncio.gather(*(rig.send(queue, str(at), key="k") for at in range(5)))
    assert len(set(answers)) == 1
    assert await rig.bodies(queue) == ["0"]


async def test_a_message_stays_as_long_as_its_queue_retains(rig: Rig) -> None:
    queue = await rig.make(MessageRetentionPeriod="60")
    await rig.send(queue, "old", key="1")
    await rig.clock.advance(59)
    (seen,) = await rig.receive(queue)
    await rig.queues.change_visibility(queue, seen.item.id, rig.clock.now_ms())
    await rig.send(queue, "new", key="2")
    await rig.clock.advance(1)
    assert await rig.bodies(queue) == ["new"]


async def test_without_its_dead_letter_queue_a_message_is_not_handed_out_for_ever(rig: Rig) -> None:
    policy = f'{{"deadLetterTargetArn": "arn:aws:sqs:{HERE.region}:{HERE.account}:dead.fifo", "maxReceiveCount": 1}}'
    queue = await rig.make(RedrivePolicy=policy)
    await rig.send(queue, "a")
    assert len(await rig.queues.receive(queue, 1, 0, 0)) == 1
    for _ in range(2):
        assert await asyncio.wait_for(rig.queues.receive(queue, 1, 0, 0), 20) == []
    dead = await rig.make("dead.fifo")
    assert await rig.bodies(queue) == []
    (buried,) = await rig.receive(dead)
    assert (buried.message.body, buried.message.source) == ("a", queue.arn)


class FifoMachine(RuleBasedStateMachine):
    """A model of two lists per group: what waits, and what one receiver has. Ids may be sent again at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.rig = self.run(self.open())
        self.queue = self.run(self.rig.make())
        self.waiting: dict[str, list[str]] = {}
        self.flying: dict[str, dict[str, tuple[int, int]]] = {}  # per group and body: item, when it is back
        self.sent: dict[str, tuple[int, Accepted]] = {}
        self.count = 0

    async def open(self) -> Rig:
        return Rig(Path(self.folder.name) / "data")

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    def teardown(self) -> None:
        self.run(self.rig.store.close())
        self.runner.close()
        self.folder.cleanup()

    @property
    def now(self) -> int:
        return self.rig.clock.now_ms()

    @rule(group=GROUPS, key=st.integers(0, 5))
    def send(self, group: str, key: int) -> None:
        self.count += 1
        body = f"{group}{self.count:04d}"
        accepted = self.run(self.rig.send(self.queue, body, group, str(key)))
        when, earlier = self.sent.get(str(key), (-1, None))
        if earlier is not None and self.now < when + WINDOW * 1000:
            assert accepted == earlier
            return
        assert all(accepted.message_id != one.message_id for _, one in self.sent.values())
        self.sent[str(key)] = (self.now, accepted)
        self.waiting.setdefault(group, []).append(body)

    @rule(limit=st.integers(1, 4))
    def receive(self, limit: int) -> None:
        found = self.run(self.rig.receive(self.queue, limit))
        for one in found:
            group, body = one.message.group, one.message.body
            waiting = self.waiting[group]
            assert body == waiting.pop(0), "not the oldest of its group"
            self.flying.setdefault(group, {})[body] = (one.item.id, self.now + VISIBILITY_MS)
        free = [
            body for group, waiting in self.waiting.items() for body in waiting if not self.flying.get(group)
        ]
        assert len(found) == limit or not free, "something was free and not handed out"
        assert len({one.item.id for one in found}) == len(found)

    def taken(self, at: int) -> tuple[str, str, int] | None:
        """One of those in flight: group, body, item."""
        everything = [
            (group, body, item) for group, some in self.flying.items() for body, (item, _) in some.items()
        ]
        return everything[at % len(everything)] if everything else None

    def back(self, group: str, body: str) -> None:
        del self.flying[group][body]
        self.waiting[group] = sorted([*self.waiting[group], body])

    @rule(at=st.integers(0, 20))
    def delete(self, at: int) -> None:
        taken = self.taken(at)
        if taken is not None:
            group, body, item = taken
            self.run(self.rig.store.commit(self.rig.queues.delete(self.queue, item)))
            del self.flying[group][body]

    @rule(at=st.integers(0, 20))
    def give_back(self, at: int) -> None:
        taken = self.taken(at)
        if taken is not None:
            group, body, item = taken
            assert self.run(self.rig.queues.change_visibility(self.queue, item, self.now))
            self.back(group, body)

    @rule(at=st.integers(0, 20), seconds=st.integers(1, 100))
    def hide_for_another_time(self, at: int, seconds: int) -> None:
        taken = self.taken(at)
        if taken is not None:
            group, body, item = taken
            ends = self.now + seconds * 1000
            assert self.run(self.rig.queues.change_visibility(self.queue, item, ends))
            self.flying[group][body] = (item, ends)

    @rule(seconds=st.sampled_from([1, 10, 31, 150, 301]))
    def advance(self, seconds: int) -> None:
        self.run(self.rig.clock.advance(seconds))
        for group, some in self.flying.items():
            for body, (_, ends) in list(some.items()):
                if ends <= self.now:
                    self.back(group, body)

    @rule()
    def restart(self) -> None:
        self.run(self.rig.restart())
        for group, some in self.flying.items():
            for body in list(some):
                self.back(group, body)

    @invariant()
    def nothing_is_lost(self) -> None:
        counts = self.run(self.rig.queues.count(self.queue))
        flying = sum(map(len, self.flying.values()))
        assert (counts.leased, counts.free) == (flying, sum(map(len, self.waiting.values())))


TestFifo = FifoMachine.TestCase
TestFifo.settings = settings(
    max_examples=60, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
)
