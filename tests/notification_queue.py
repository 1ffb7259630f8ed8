"""A queue that takes the notifications of a bucket, and what tests need to configure and to refuse them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from waiting import wait_for

ACCOUNT = "000000000000"


def policy(bucket: str, action: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        },
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Queue:
    """A queue that takes notifications of the bucket."""

    def __init__(self, sqs: Any, bucket: str) -> None:
        self._sqs = sqs
        name = f"q-{uuid.uuid4().hex[:12]}"
        attributes = {"Policy": policy(bucket, "sqs:SendMessage")}
        self.url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
        self.bodies: list[dict[str, Any]] = []

    def take(self) -> list[dict[str, Any]]:
        got = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in got.get("Messages", []):
            self.bodies.append(json.loads(message["Body"]))
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return self.bodies

    def wait(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many messages altogether, and return them."""
        wait_for(lambda: len(self.take()) >= count)
        return self.bodies

    def records(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many records, and return them in the order of their sequencers."""

        def found() -> list[dict[str, Any]]:
            return [record for body in self.bodies for record in body.get("Records", [])]

        wait_for(lambda: self.take() is not None and len(found()) >= count)
        return sorted(found(), key=lambda record: record["s3"]["object"].get("sequencer", ""))


def configure(s3: Any, bucket: str, **parts: Any) -> None:
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=parts)


def to_queue(queue: Queue, *events: str, **more: Any) -> dict[str, Any]:
    return {"QueueArn": queue.arn, "Events": list(events), **more}


def refusal(call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return dict(refused.value.response["Error"])
