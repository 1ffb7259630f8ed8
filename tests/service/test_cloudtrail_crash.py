"""A node that is killed while a trail delivers loses no record that was written, and its digests stay valid."""

from __future__ import annotations

import gzip
import json
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nodes import RunningNode
from waiting import wait_for

ACCOUNT = "000000000000"
_WRITTEN_SECONDS = 1.0  # after which a record is in the store; docs/decisions/audit.md says 0.2


def make_trail(node: RunningNode) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::killed/*",
    }
    s3, trails = node.client("s3"), node.client("cloudtrail")
    s3.create_bucket(Bucket="killed")
    s3.put_bucket_policy(
        Bucket="killed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    made = trails.create_trail(Name="killed", S3BucketName="killed", EnableLogFileValidation=True)
    trails.start_logging(Name="killed")
    return str(made["TrailARN"])


def call_until_killed(node: RunningNode, made: dict[str, float]) -> None:
    """Create topics, and note when each answer came."""
    sns = node.client("sns")
    for number in range(100_000):
        try:
            sns.create_topic(Name=f"topic-{number}")
        except Exception:  # the node is gone
            return
        made[f"topic-{number}"] = time.monotonic()


def deliver_until_killed(node: RunningNode) -> None:
    """Have the trail deliver all the time: it does when it is stopped."""
    trails = node.client("cloudtrail")
    while True:
        try:
            trails.update_trail(Name="killed", EnableLogFileValidation=False)
            trails.update_trail(Name="killed", EnableLogFileValidation=True)
        except Exception:
            return


def test_no_record_is_lost_and_digests_stay_valid(tmp_path: Path) -> None:
    node = RunningNode(tmp_path / "data", options=["--no-quotas"])
    arn = make_trail(node)
    made: dict[str, float] = {}
    workers = [
        threading.Thread(target=call_until_killed, args=(node, made)),
        threading.Thread(target=deliver_until_killed, args=(node,)),
    ]
    for worker in workers:
        worker.start()
    s3 = node.client("s3")
    wait_for(lambda: len(written(made, time.monotonic())) > 100 and len(keys_of(s3)) > 3, 180)
    node.kill()
    killed = time.monotonic()
    for worker in workers:
        worker.join()
    expected = written(made, killed)
    again = RunningNode(tmp_path / "data", port=node.port)
    try:
        again.client("cloudtrail").stop_logging(Name="killed")
        s3 = again.client("s3")
        found = {
            record["requestParameters"]["name"]
            for key in keys_of(s3)
            for record in json.loads(gzip.decompress(s3.get_object(Bucket="killed", Key=key)["Body"].read()))[
                "Records"
            ]
            if record["eventName"] == "CreateTopic"
        }
        assert expected <= found
        code, text = validated(again, arn)
        assert (code, "INVALID" in text) == (0, False), text
        assert " digest files valid" in text
    finally:
        assert again.stop() == 0


def written(made: dict[str, float], now: float) -> set[str]:
    """The topics whose records are in the store by now."""
    return {name for name, answered in list(made.items()) if answered < now - _WRITTEN_SECONDS}


def keys_of(s3: Any) -> list[str]:
    """The keys of the log files."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket="killed", Prefix=f"AWSLogs/{ACCOUNT}/CloudTrail/"
    )
    return [one["Key"] for page in pages for one in page.get("Contents", ()) if one["Size"]]


def validated(node: RunningNode, trail: str) -> tuple[int, str]:
    start = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    end = f"{datetime.now(UTC) + timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    done = subprocess.run(
        [
            "aws",
            "cloudtrail",
            "validate-logs",
            "--trail-arn",
            trail,
            "--start-time",
            start,
            "--end-time",
            end,
        ],
        env=node.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr
