"""Tests that a message archived while a replay is ending does not come after later ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bus_rig import QUEUE, SCOPE, Rig, rig
from nightbus.clock import VirtualClock
from nightbus.messaging.topic import SUBSCRIPTION
from nightbus.services.sns.archives.replays import run_message_replays
from nightbus.store.interface import SYSTEM, Entry


async def records(bus: Rig) -> str:
    found = await bus.store.list(SCOPE, SUBSCRIPTION)
    return json.dumps([one.value for one in found], separators=(",", ":"))


async def test_what_is_archived_at_the_end_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path / "data", VirtualClock()) as bus:
        policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
        given = {"FifoQueue": "true", "Policy": json.dumps({"Statement": [policy]})}
        await bus("CreateQueue", "sqs", QueueName="q.fifo", Attributes=given)
        fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
        archived = {**fifo, "ArchivePolicy": json.dumps({"MessageRetentionPeriod": "30"})}
        topic = (await bus("CreateTopic", "sns", Name="t.fifo", Attributes=archived))["TopicArn"]

        async def publish(text: str) -> None:
            await bus("Publish", "sns", TopicArn=topic, Message=text, MessageGroupId="g")

        await publish("0")
        read = bus.store.read
        published: list[str] = []

        async def read_and_publish(*args: Any, **options: Any) -> list[Entry]:
            if published == ["1"] and '"status":"Completed"' in await records(bus):
                published.append("2")
                await publish("2")
            entries = await read(*args, **options)
            if not entries and "archive" in args[1] and not published:
                published.append("1")
                await publish("1")
            return entries

        monkeypatch.setattr(bus.store, "read", read_and_publish)
        replay = {
            "ReplayPolicy": json.dumps({"PointType": "Timestamp", "StartingPoint": "2020-01-01T00:00:00Z"})
        }
        await bus(
            "Subscribe", "sns", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE + ".fifo",
            Attributes={"RawMessageDelivery": "true", **replay},
        )  # fmt: skip
        await bus.work(run_message_replays)
        url = (await bus("GetQueueUrl", "sqs", QueueName="q.fifo"))["QueueUrl"]
        await bus.settled("sns/replays", SYSTEM)
        if published == ["1"]:
            published.append("2")
            await publish("2")
        found = (await bus("ReceiveMessage", "sqs", QueueUrl=url, MaxNumberOfMessages=10))["Messages"]
        assert published == ["1", "2"]
        assert [one["Body"] for one in found] == ["0", "1", "2"]
