"""Lifecycle rules are carried out by a duty, in virtual time, and announced as S3 announces them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, Rig, rig
from job_rig import delivering
from nightbus.services.s3.archives.restoring import RESTORED, end_restored_copies
from nightbus.services.s3.lifecycle.expiry import apply_lifecycle_rules
from nightbus.services.s3.notifications.jobs import BucketNotificationJobs
from nightbus.store.interface import SYSTEM

BUCKET = "lifecycle-bucket"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        await s3(made, "CreateBucket", CreateBucketConfiguration={"LocationConstraint": SCOPE.region})
        yield made


async def s3(node: Rig, operation: str, **params: Any) -> dict[str, Any]:
    return await node(operation, "s3", Bucket=BUCKET, **params)


async def until(node: Rig, condition: Callable[[], Awaitable[bool]]) -> None:
    """Let days pass until the condition holds."""
    async with asyncio.timeout(20):
        while not await condition():
            await node.clock.advance(3600)
            await asyncio.sleep(0.002)


async def keys(node: Rig) -> list[str]:
    return [one["Key"] for one in (await s3(node, "ListObjectsV2")).get("Contents", [])]


def rule(**members: Any) -> dict[str, Any]:
    return {"Rules": [{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, **members}]}


async def test_objects_expire_and_queues_hear_of_it(node: Rig) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    policy = json.dumps({"Statement": [statement]})
    await node("CreateQueue", "sqs", QueueName="q", Attributes={"Policy": policy})
    queue = {
        "QueueArn": f"arn:aws:sqs:{SCOPE.region}:{SCOPE.account}:q",
        "Events": ["s3:LifecycleExpiration:*", "s3:LifecycleTransition"],
    }
    await s3(
        node, "PutBucketNotificationConfiguration", NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    await s3(
        node,
        "PutBucketLifecycleConfiguration",
        LifecycleConfiguration={
            "Rules": [
                *rule(Filter={"Prefix": "tmp/"}, Expiration={"Days": 2})["Rules"],
                {
                    "ID": "cold",
                    "Status": "Enabled",
                    "Filter": {"ObjectSizeGreaterThan": 0},
                    "Transitions": [{"Days": 1, "StorageClass": "GLACIER_IR"}],
                },
            ]
        },
    )
    await s3(node, "PutObject", Key="tmp/a", Body=b"")
    await s3(node, "PutObject", Key="kept", Body=b"x")
    upload = await s3(node, "CreateMultipartUpload", Key="tmp/b")
    assert "AbortDate" not in upload
    async with delivering(node.platform, [BucketNotificationJobs]):
        await node.work(apply_lifecycle_rules)

        async def gone() -> bool:
            return await keys(node) == ["kept"]

        await until(node, gone)
        assert (await s3(node, "HeadObject", Key="kept"))["StorageClass"] == "GLACIER_IR"
        got: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while len(got) < 3:
                got += await node.received()
                await asyncio.sleep(0.002)
    assert got[0]["Event"] == "s3:TestEvent"
    moved, expired = (one["Records"][0] for one in got[1:])
    assert (moved["eventName"], moved["s3"]["object"]["key"]) == ("LifecycleTransition", "kept")
    transition = {"transitionEventData": {"destinationStorageClass": "GLACIER_IR"}}
    assert moved["lifecycleEventData"] == transition
    assert (expired["eventName"], expired["eventVersion"]) == ("LifecycleExpiration:Delete", "2.3")
    assert expired["userIdentity"] == {"principalId": "s3.amazonaws.com"}


async def test_versions_markers_and_uploads_go(node: Rig) -> None:
    await s3(node, "PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    await s3(
        node,
        "PutBucketLifecycleConfiguration",
        LifecycleConfiguration=rule(
            Expiration={"Days": 1},
            NoncurrentVersionExpiration={"NoncurrentDays": 1},
            AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1},
        ),
    )
    await s3(node, "PutObject", Key="k", Body=b"1")
    await s3(node, "PutObject", Key="k", Body=b"2")
    assert "AbortDate" in await s3(node, "CreateMultipartUpload", Key="k")
    await node.work(apply_lifecycle_rules)

    async def empty() -> bool:
        versions = await s3(node, "ListObjectVersions")
        uploads = await s3(node, "ListMultipartUploads")
        return not (versions.get("Versions") or versions.get("DeleteMarkers") or uploads.get("Uploads"))

    await until(node, empty)
    await s3(node, "DeleteBucket")


async def test_a_restored_copy_ends(node: Rig) -> None:
    await s3(node, "PutObject", Key="k", Body=b"x", StorageClass="GLACIER")
    await s3(node, "RestoreObject", Key="k", RestoreRequest={"Days": 1})
    assert "Restore" in await s3(node, "HeadObject", Key="k")
    await node.work(end_restored_copies)

    async def ended() -> bool:
        return not await node.store.list(SYSTEM, RESTORED)

    await until(node, ended)
    assert (await s3(node, "HeadObject", Key="k")).get("Restore") is None


async def test_a_locked_version_stays(node: Rig) -> None:
    await s3(node, "PutBucketVersioning", VersioningConfiguration={"Status": "Enabled"})
    await s3(node, "PutObjectLockConfiguration", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    rules = rule(NoncurrentVersionExpiration={"NoncurrentDays": 1})
    await s3(node, "PutBucketLifecycleConfiguration", LifecycleConfiguration=rules)
    await s3(node, "PutObject", Key="free", Body=b"1")
    await s3(node, "PutObject", Key="held", Body=b"1", ObjectLockLegalHoldStatus="ON")
    for key in ("free", "held"):
        await s3(node, "PutObject", Key=key, Body=b"2")
    await node.work(apply_lifecycle_rules)

    async def three() -> bool:
        return len((await s3(node, "ListObjectVersions"))["Versions"]) == 3

    await until(node, three)
    held = (await s3(node, "ListObjectVersions", Prefix="held"))["Versions"]
    assert len(held) == 2
