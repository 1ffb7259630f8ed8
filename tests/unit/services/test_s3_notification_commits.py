"""A notification is in the commit of its object: it is there when the put is answered, or neither is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, Rig, rig
from job_rig import delivering
from nightbus.aws.errors import AwsError
from nightbus.services.s3.notifications.jobs import QUEUE, BucketNotificationJobs
from nightbus.store.interface import SYSTEM

BUCKET = "notifying-bucket"
ARN = f"arn:aws:sqs:{SCOPE.region}:{SCOPE.account}:q"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        await s3(made, "CreateBucket", CreateBucketConfiguration={"LocationConstraint": SCOPE.region})
        yield made


async def s3(node: Rig, operation: str, **params: Any) -> dict[str, Any]:
    return await node(operation, "s3", Bucket=BUCKET, **params)


async def configure(node: Rig, **configuration: Any) -> None:
    await s3(
        node,
        "PutBucketNotificationConfiguration",
        NotificationConfiguration=configuration,
        SkipDestinationValidation=True,
    )


async def waiting(node: Rig) -> int:
    return sum((await node.store.count(SYSTEM, QUEUE))[:2])


async def test_a_notification_waits_for_its_destination(node: Rig) -> None:
    await configure(node, QueueConfigurations=[{"QueueArn": ARN, "Events": ["s3:ObjectCreated:*"]}])
    await s3(node, "PutObject", Key="k", Body=b"")
    assert await waiting(node) == 1
    with pytest.raises(AwsError):
        await s3(node, "PutObject", Key="k", Body=b"", IfNoneMatch="*")
    assert await waiting(node) == 1
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Statement": [statement]})
    await node("CreateQueue", "sqs", QueueName="q", Attributes={"Policy": policy})
    async with delivering(node.platform, [BucketNotificationJobs]), asyncio.timeout(20):
        while not (got := await node.received()):
            await asyncio.sleep(0.002)
    (record,) = got[0]["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert await waiting(node) == 0


async def test_a_bus_that_takes_nothing_more_keeps_the_object_out(node: Rig) -> None:
    await configure(node, EventBridgeConfiguration={})
    await node.rule("r", EventPattern=json.dumps({"source": ["aws.s3"]}))
    node.backlog.full = True
    with pytest.raises(AwsError) as refused:
        await s3(node, "PutObject", Key="k", Body=b"")
    assert (refused.value.code, refused.value.status) == ("SlowDown", 503)
    assert "Contents" not in {
        name: value for name, value in (await s3(node, "ListObjectsV2")).items() if value
    }
    node.backlog.full = False
    await s3(node, "PutObject", Key="k", Body=b"")
    (event,) = await node.received()
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", "k")


async def test_writes_that_meet_have_numbers_in_the_order_of_their_commits(node: Rig) -> None:
    await configure(node, EventBridgeConfiguration={})
    await node.rule("r", EventPattern=json.dumps({"source": ["aws.s3"]}))
    await asyncio.gather(*(s3(node, "PutObject", Key="k", Body=b"x" * size) for size in range(1, 9)))
    events = await node.received()
    sequencers = [event["detail"]["object"]["sequencer"] for event in events]
    assert len(events) == 8 and sequencers == sorted(sequencers)
    last = await s3(node, "HeadObject", Key="k")
    assert events[-1]["detail"]["object"]["size"] == last["ContentLength"]
