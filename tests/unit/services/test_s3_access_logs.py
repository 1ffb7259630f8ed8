"""The lines of server access logs, and when they are written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bus_rig import SCOPE, rig
from nightbus.aws.errors import AwsError
from nightbus.messaging.access_logs import AccessLogs
from nightbus.services.s3.access_logs.log_lines import LoggedRequest, log_line, object_key, operation_name
from nightbus.services.s3.access_logs.recording import write_access_logs


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("PutObject", "REST.PUT.OBJECT"),
        ("GetObject", "REST.GET.OBJECT"),
        ("HeadObject", "REST.HEAD.OBJECT"),
        ("CopyObject", "REST.COPY.OBJECT"),
        ("ListObjectsV2", "REST.GET.BUCKET"),
        ("GetBucketPolicy", "REST.GET.BUCKETPOLICY"),
        ("DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"),
    ],
)
def test_the_names_of_operations(operation: str, name: str) -> None:
    assert operation_name(operation) == name


def test_a_line_has_the_fields_of_s3() -> None:
    request = LoggedRequest(
        "0a", "shop", 1_764_288_000_123, "127.0.0.1", "arn:aws:iam::000000000000:root", "R1", "GetObject",
        "in/a b.txt", 200, "", 5, 5, 7, "", is_signed=True,
    )  # fmt: skip
    assert log_line(request) == (
        "0a shop [28/Nov/2025:00:00:00 +0000] 127.0.0.1 arn:aws:iam::000000000000:root R1 REST.GET.OBJECT "
        'in/a%20b.txt "GET /shop/in/a%20b.txt HTTP/1.1" 200 - 5 5 7 - "-" "-" - - SigV4 - AuthHeader - - - -'
    )


def test_the_key_of_a_log_object() -> None:
    now = 1_764_288_000_000
    plain = {"TargetPrefix": "logs/"}
    assert object_key(plain, "shop", "1", "us-east-1", now, "F") == "logs/2025-11-28-00-00-00-F"
    parted = {**plain, "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}}
    key = object_key(parted, "shop", "1", "us-east-1", now, "F")
    assert key == "logs/1/us-east-1/shop/2025/11/28/2025-11-28-00-00-00-F"


def test_what_waits_is_bounded_and_taken_once() -> None:
    logs = AccessLogs()
    for number in range(10_005):
        logs.add("a", str(number))
    logs.add("b", "x")
    assert logs.in_memory() == {"lines of access logs": 10_001}
    taken = logs.take()
    assert (taken["a"][0], taken["b"], logs.take()) == ("5", ["x"], {})


async def test_requests_are_logged_once_a_minute(tmp_path: Path) -> None:
    async with rig(tmp_path) as node:
        place = {"CreateBucketConfiguration": {"LocationConstraint": SCOPE.region}}
        for name in ("shop", "shop-logs", "quiet"):
            await node("CreateBucket", "s3", Bucket=name, **place)
        enabled = {"TargetBucket": "shop-logs", "TargetPrefix": "of-shop/"}
        await node("PutBucketLogging", "s3", Bucket="shop", BucketLoggingStatus={"LoggingEnabled": enabled})
        await node.work(write_access_logs)
        await node("PutObject", "s3", Bucket="shop", Key="a b", Body=b"12345")
        await node("PutObject", "s3", Bucket="quiet", Key="x", Body=b"1")
        with pytest.raises(AwsError):
            await node("HeadObject", "s3", Bucket="shop", Key="none")
        async with asyncio.timeout(20):
            while not (found := await node("ListObjectsV2", "s3", Bucket="shop-logs")).get("Contents"):
                await node.clock.advance(60)
                await asyncio.sleep(0.002)
        (log,) = found["Contents"]
        assert log["Key"].startswith("of-shop/")
        assert node.platform.access_logs.take() == {}
        body = (await node("GetObject", "s3", Bucket="shop-logs", Key=log["Key"]))["Body"]
        lines = b"".join([part async for part in body.chunks]).decode().splitlines()
        assert [line.split("] ")[1].split()[3:5] for line in lines] == [
            ["REST.PUT.OBJECT", "a%20b"],
            ["REST.HEAD.OBJECT", "none"],
        ]
        assert " 404 " in lines[1]


def test_lines_that_could_not_be_written_wait_before_newer_ones() -> None:
    logs = AccessLogs()
    logs.add("a", "newer")
    logs.put_back("a", ["older"])
    assert logs.take() == {"a": ["older", "newer"]}


async def test_lines_wait_while_the_target_is_gone_and_refusals_are_logged(tmp_path: Path) -> None:
    async with rig(tmp_path) as node:
        place = {"CreateBucketConfiguration": {"LocationConstraint": SCOPE.region}}
        for name in ("shop", "shop-logs"):
            await node("CreateBucket", "s3", Bucket=name, **place)
        status = {"LoggingEnabled": {"TargetBucket": "shop-logs", "TargetPrefix": ""}}
        await node("PutBucketLogging", "s3", Bucket="shop", BucketLoggingStatus=status)
        await node("DeleteBucket", "s3", Bucket="shop-logs")
        with pytest.raises(AwsError):
            await node("HeadBucket", "s3", Bucket="shop", ExpectedBucketOwner="111122223333")
        await node.work(write_access_logs)
        for _ in range(3):
            await node.clock.advance(60)
            await asyncio.sleep(0)
        assert node.platform.access_logs.in_memory() == {"lines of access logs": 1}
        await node("CreateBucket", "s3", Bucket="shop-logs", **place)
        async with asyncio.timeout(20):
            while not (await node("ListObjectsV2", "s3", Bucket="shop-logs")).get("Contents"):
                await node.clock.advance(60)
                await asyncio.sleep(0.002)
