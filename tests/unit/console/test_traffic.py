"""Tests the counts of traffic, and that a scope is read only while somebody looks at it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus_rig import BUS, QUEUE, SCOPE, Rig, rig
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.console.traffic.counts import KEPT_SECONDS, Counts, Flow
from nightbus.console.traffic.folding import Fold
from nightbus.console.traffic.readers import TrafficReaders
from nightbus.console.traffic.unfinished import Failing
from nightbus.store.interface import Entry

NOW = 1_000_000_000
RULE = "arn:aws:events:eu-west-1:123456789012:rule/r"
MATCHES = f"{BUS} matches {RULE}"


class TestCounts:
    def test_a_window_of_whole_seconds(self) -> None:
        counts = Counts()
        for time in (NOW - 11_000, NOW - 10_000, NOW - 1, NOW):
            counts.add("a", time)
        counts.add("a", NOW - 5_000, 2, 1)
        assert counts.since(10, NOW) == {"a": Flow(4, 1, NOW)}
        assert counts.since(1, NOW) == {"a": Flow(1, 0, NOW)}

    def test_what_is_old_is_forgotten_and_when_it_was_is_not(self) -> None:
        counts = Counts()
        counts.add("a", NOW - (KEPT_SECONDS + 1) * 1000)
        counts.forget(NOW)
        assert counts.since(KEPT_SECONDS, NOW) == {}
        assert counts.last("a") == NOW - (KEPT_SECONDS + 1) * 1000


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path / "data", VirtualClock()) as made:
        await made.rule("r", EventPattern='{"source": ["shop"]}')
        yield made


async def _count(bus: Rig, readers: TrafficReaders, name: str) -> int:
    await bus.clock.advance(1)
    fold = await readers.of(SCOPE)
    flow = fold.counts.since(60, bus.clock.now_ms()).get(name)
    return 0 if flow is None else flow.passed


async def _topic_with_queues(bus: Rig) -> str:
    """A topic with the queue `work`, from which a message that was received once goes to `dead`."""
    dead = await bus.queue("dead")
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "*",
        "Resource": "*",
    }
    attributes = {
        "Policy": json.dumps({"Statement": [policy]}),
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1}),
        "VisibilityTimeout": "1",
    }
    await bus("CreateQueue", "sqs", QueueName="work", Attributes=attributes)
    topic: str = (await bus("CreateTopic", "sns", Name="t"))["TopicArn"]
    await bus("Subscribe", "sns", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE.replace(":q", ":work"))
    return topic


def _attempt(event: str, outcome: str) -> Entry:
    made = {"rule": "r", "target": "t", "arn": QUEUE, "outcome": outcome, "code": "C", "message": "m"}
    return Entry("log", 1, NOW - 1000, json.dumps(made).encode(), event)


def test_attempts_flow_and_deliveries_fail() -> None:
    fold, edge = Fold(SCOPE), f"{RULE} delivers {QUEUE}"
    again = _attempt("e-1", "will be tried again")
    fold.outcomes(
        "default", [again, again, _attempt("e-2", "will be tried again"), _attempt("e-1", "failed")]
    )
    fold.outcomes("default", [_attempt("e-2", "delivered"), _attempt("e-3", "delivered")])
    assert fold.counts.since(60, NOW)[edge] == Flow(6, 4, NOW - 1000)
    assert fold.unfinished.failing(60, NOW) == {edge: Failing(1, 0)}
    assert fold.unfinished.repeats(60, NOW) == {edge: 3}


class TestReaders:
    async def test_events_from_before_the_first_look_and_from_after_it(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        await bus.put({}, {}, {"Source": "other"})
        assert await _count(bus, readers, MATCHES) == 2
        await bus.put({})
        assert await _count(bus, readers, MATCHES) == 3
        assert await _count(bus, readers, BUS) == 4
        fold = await readers.of(SCOPE)
        assert {(one.source, one.target) for one in fold.seen} == {
            ("producer:shop", BUS),
            ("producer:other", BUS),
        }

    async def test_a_source_that_looks_like_the_end_of_a_string(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        await bus.put({"DetailType": 'a","source":"b', "Source": 'sh"op'})
        fold = await readers.of(SCOPE)
        assert [one.source for one in fold.seen] == ['producer:sh"op']

    async def test_other_accounts_have_traffic_of_their_own(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        await bus.put({})
        await bus.clock.advance(1)
        fold = await readers.of(Scope("999999999999", SCOPE.region))
        assert fold.counts.since(60, bus.clock.now_ms()) == {}

    async def test_what_nobody_looks_at_is_forgotten(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        await readers.of(SCOPE)
        await bus.clock.advance(121)
        await readers.of(Scope("999999999999", SCOPE.region))
        assert readers.in_memory()["scopes whose traffic is read"] == 1

    async def test_more_entries_than_one_step(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        assert await _count(bus, readers, BUS) == 0
        for _ in range(2050):
            await bus.put({})
        assert await _count(bus, readers, BUS) == 2050

    async def test_messages_of_topics_and_to_dead_letter_queues(self, bus: Rig) -> None:
        work, dead = QUEUE.replace(":q", ":work"), QUEUE.replace(":q", ":dead")
        topic = await _topic_with_queues(bus)
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic, bus.hops)
        to_queue, to_dead = f"{topic} notifies {work}", f"{work} dead-letters {dead}"
        assert await _count(bus, readers, to_queue) == 0
        for _ in range(3):
            await bus("Publish", "sns", TopicArn=topic, Message="m")
        assert await _count(bus, readers, to_queue) == 3
        queue = await bus.platform.queues.find_arn(work)
        assert queue is not None
        for _ in range(
            2
        ):  # the second receive finds that each was received once, which is as often as it may be
            await bus.platform.queues.receive(queue, 10, 1, 0)
            await bus.clock.advance(2)
        assert await _count(bus, readers, to_dead) == 3
        assert await _count(bus, readers, to_queue) == 3

    async def test_sources_without_end_are_one_producer(self, bus: Rig) -> None:
        readers = TrafficReaders(bus.store, bus.clock, bus.clock.monotonic)
        for first in range(0, 1100, 10):
            await bus.put(*({"Source": f"source-{number}"} for number in range(first, first + 10)))
        fold = await readers.of(SCOPE)
        assert len(fold.seen) == 1001
        await bus.clock.advance(1)
        others = fold.counts.since(60, bus.clock.now_ms())[f"producer:others publishes {BUS}"]
        assert others.passed == 100
