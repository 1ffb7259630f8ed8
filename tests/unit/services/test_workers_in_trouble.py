"""A store that takes nothing for a moment, and what cannot be read: does every worker go on with all the rest?"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus_rig import BUS, SCOPE, Rig, rig
from nightbus.clock import VirtualClock
from nightbus.delivery.rules import RULE, rule_key
from nightbus.messaging.queue import KIND
from nightbus.messaging.topic import TOPIC
from nightbus.services.events import replaying, schedules
from nightbus.services.logs.retention import trim_expired_events
from nightbus.services.sqs.move_tasks import TASK, run_move_tasks
from nightbus.services.sqs.retention import delete_expired_messages
from nightbus.store.interface import SYSTEM, Change, Enqueue, PutRecord

START = datetime(2026, 1, 1, 8, 59, 30, tzinfo=UTC)
DAYS = 15 * 24 * 3600
SOURCE = f"arn:aws:sqs:{SCOPE.region}:{SCOPE.account}:q"


class Trouble:
    """The store's next commits fail, `refusals` of them."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refusals = 0
        self._commit = store.commit
        monkeypatch.setattr(store, "commit", self._refusing)

    async def _refusing(self, *changes: Change) -> None:
        if self.refusals:
            self.refusals -= 1
            raise sqlite3.OperationalError("database or disk is full")
        await self._commit(*changes)


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, VirtualClock(int(START.timestamp() * 1000))) as made:
        yield made


@pytest.fixture
def trouble(events: Rig, monkeypatch: pytest.MonkeyPatch) -> Trouble:
    return Trouble(events.store, monkeypatch)


async def in_time(events: Rig, condition: Any, seconds: int = 120) -> None:
    """Until it is so, within that time of the clock."""
    for _ in range(seconds):
        if await condition():
            return
        await events.clock.advance(1)
        await asyncio.sleep(0.01)  # the reader thread has its time
    raise AssertionError(f"not within {seconds} s")


async def test_schedules_trigger_beside_one_that_cannot_be_read_and_after_trouble(
    events: Rig, trouble: Trouble
) -> None:
    await events.rule("r", ScheduleExpression="cron(* * * * ? *)")
    await events.rule("broken", "q2", ScheduleExpression="cron(* * * * ? *)")
    record = await events.store.get(SCOPE, RULE, rule_key("default", "broken"))
    assert record is not None
    value = {**record.value, "ScheduleExpression": "of another version"}
    await events.store.commit(
        PutRecord(SCOPE, RULE, record.key, value), Enqueue(SYSTEM, schedules.QUEUE, b"no item", 0)
    )
    await events.work(schedules.run_schedules)
    trouble.refusals = 3

    async def came() -> bool:
        return bool(await events.received())

    await in_time(events, came)
    await in_time(events, came)


async def test_replays_end_beside_one_that_cannot_be_read_and_after_trouble(
    events: Rig, trouble: Trouble
) -> None:
    await events("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    await events.put({})
    await events.received()
    await events(
        "StartReplay",
        ReplayName="again",
        EventSourceArn="arn:aws:events:eu-west-1:123456789012:archive/a",
        EventStartTime=START - timedelta(days=1),
        EventEndTime=START + timedelta(days=1),
        Destination={"Arn": BUS},
    )
    await events.store.commit(
        PutRecord(SCOPE, replaying.REPLAY, "broken", {"of": "another version"}),
        Enqueue(SYSTEM, replaying.QUEUE, b"no item", 0),
        Enqueue(SYSTEM, replaying.QUEUE, json.dumps([list(SCOPE), "broken"]).encode(), 0),
    )
    await events.work(replaying.run_replays)
    trouble.refusals = 1

    async def completed() -> bool:
        return bool((await events("DescribeReplay", ReplayName="again"))["State"] == "COMPLETED")

    await in_time(events, completed)
    assert len(await events.received()) == 1


async def test_a_move_task_moves_everything_beside_one_that_cannot_be_read_and_after_trouble(
    events: Rig, trouble: Trouble
) -> None:
    dead = await dead_letters(events, 5)
    await events.store.commit(PutRecord(SCOPE, TASK, "!broken", {"of": "another version"}))
    await events("StartMessageMoveTask", "sqs", SourceArn=dead, DestinationArn=SOURCE)
    trouble.refusals = 1
    await events.work(run_move_tasks)

    async def ended() -> bool:
        return (await moved(events, dead))[0] == "COMPLETED"

    await in_time(events, ended)
    bodies: list[Any] = await events.received()
    assert sorted(bodies) == [0, 1, 2, 3, 4]


async def dead_letters(events: Rig, number: int) -> str:
    """A queue `q` with the dead-letter queue `dead`, which has so many messages; the ARN of the latter."""
    dead = await events.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    made = await events("CreateQueue", "sqs", QueueName="q", Attributes={"RedrivePolicy": redrive})
    for body in range(number):
        url = made["QueueUrl"].replace("/q", "/dead")
        await events("SendMessage", "sqs", QueueUrl=url, MessageBody=str(body))
    return dead


async def moved(events: Rig, source: str) -> tuple[str, int]:
    (task,) = (await events("ListMessageMoveTasks", "sqs", SourceArn=source))["Results"]
    return task["Status"], task["ApproximateNumberOfMessagesMoved"]


async def test_a_move_task_of_a_node_that_died_moves_what_that_node_had_leased(events: Rig) -> None:
    dead = await dead_letters(events, 5)
    await events("StartMessageMoveTask", "sqs", SourceArn=dead, DestinationArn=SOURCE)
    queue = await events.platform.queues.find_arn(dead)
    assert queue is not None
    assert len(await events.store.lease(SCOPE, queue.queue, 2, 15_000)) == 2
    await events.work(run_move_tasks)

    async def ended() -> bool:
        return (await moved(events, dead))[0] == "COMPLETED"

    await in_time(events, ended, 30)
    assert await moved(events, dead) == ("COMPLETED", 5)


async def test_a_move_task_does_not_wait_for_what_a_receiver_has(events: Rig) -> None:
    await events.work(run_move_tasks)
    dead = await dead_letters(events, 1)
    url = (await events("GetQueueUrl", "sqs", QueueName="dead"))["QueueUrl"]
    assert len((await events("ReceiveMessage", "sqs", QueueUrl=url))["Messages"]) == 1
    await events("StartMessageMoveTask", "sqs", SourceArn=dead, DestinationArn=SOURCE)

    async def ended() -> bool:
        return (await moved(events, dead))[0] == "COMPLETED"

    await in_time(events, ended, 5)


async def test_what_expired_is_dropped_beside_a_queue_and_a_group_that_cannot_be_read(events: Rig) -> None:
    await events.queue("z")
    url = (await events("GetQueueUrl", "sqs", QueueName="z"))["QueueUrl"]
    await events("SendMessage", "sqs", QueueUrl=url, MessageBody="old")
    await events("CreateLogGroup", "logs", logGroupName="z")
    await events("CreateLogStream", "logs", logGroupName="z", logStreamName="s")
    await events("PutRetentionPolicy", "logs", logGroupName="z", retentionInDays=1)
    entry = {"timestamp": events.clock.now_ms(), "message": "old"}
    await events("PutLogEvents", "logs", logGroupName="z", logStreamName="s", logEvents=[entry])
    for kind in (KIND, "logs/group"):
        await events.store.commit(PutRecord(SCOPE, kind, "!broken", {"of": "another version"}))
    record = await events.store.get(SCOPE, KIND, "z")
    assert record is not None
    await events.clock.advance(DAYS)
    await events.work(delete_expired_messages, trim_expired_events)

    async def dropped() -> bool:
        counts = (await events("GetQueueAttributes", "sqs", QueueUrl=url, AttributeNames=["All"]))[
            "Attributes"
        ]
        left = await events.store.read(SCOPE, "logs/z:s")
        return counts["ApproximateNumberOfMessages"] == "0" and not left

    await in_time(events, dropped)


async def test_deduplication_ids_are_dropped_beside_a_topic_that_cannot_be_read(events: Rig) -> None:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    arn = (await events("CreateTopic", "sns", Name="t.fifo", Attributes=attributes))["TopicArn"]
    await events("Publish", "sns", TopicArn=arn, Message="old", MessageGroupId="g")
    await events.store.commit(PutRecord(SCOPE, TOPIC, "!broken", {"of": "another version"}))
    (log,) = await events.store.logs(SCOPE, "deduplication/sns/")
    await events.clock.advance(250)
    await events("Publish", "sns", TopicArn=arn, Message="new", MessageGroupId="g")
    assert len(await events.store.read(SCOPE, log)) == 2
    await events.work(delete_expired_messages)

    async def dropped() -> bool:
        return len(await events.store.read(SCOPE, log)) == 1

    await in_time(events, dropped)
