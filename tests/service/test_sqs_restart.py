"""SQS over a restart of the node: what was accepted is there afterwards, and what was said before is still known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node_databases import POSTGRES
from nodes import RunningNode
from waiting import wait_for

URL = "{}/000000000000/{}"
ARN = "arn:aws:sqs:us-east-1:000000000000:"


class Restarted:
    """A node with its data in a folder, which starts again after `stop` or `kill`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._node = RunningNode(data)
        self.port = self._node.port

    @property
    def sqs(self) -> Any:
        return self._node.client("sqs")

    def url(self, name: str) -> str:
        return URL.format(self._node.endpoint, name)

    def again(self, stop: Callable[[RunningNode], Any]) -> None:
        stop(self._node)
        self._node = RunningNode(self._data, port=self.port)

    def close(self) -> None:
        assert self._node.stop() == 0


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Restarted]:
    running = Restarted(tmp_path / "data")
    yield running
    running.close()


@pytest.mark.parametrize("stop", [RunningNode.stop, RunningNode.kill])
def test_queues_and_messages_survive(restarted: Restarted, stop: Callable[[RunningNode], Any]) -> None:
    sqs = restarted.sqs
    url = sqs.create_queue(QueueName="plain", Attributes={"VisibilityTimeout": "60"}, tags={"a": "b"})[
        "QueueUrl"
    ]
    fifo = sqs.create_queue(QueueName="line.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    attributes = {"n": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = sqs.send_message(QueueUrl=url, MessageBody="kept", MessageAttributes=attributes)
    sqs.send_message(QueueUrl=url, MessageBody="deleted")
    taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    (deleted,) = (one for one in taken if one["Body"] == "deleted")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=deleted["ReceiptHandle"])
    sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=900)
    line = {"QueueUrl": fifo, "MessageGroupId": "g"}
    first = sqs.send_message(**line, MessageBody="1", MessageDeduplicationId="one")
    second = sqs.send_message(**line, MessageBody="2", MessageDeduplicationId="two")
    restarted.again(stop)
    sqs = restarted.sqs
    assert sqs.list_queues()["QueueUrls"] == [fifo, url]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"] == {
        "VisibilityTimeout": "60"
    }
    if (
        POSTGRES
    ):  # its lease outlives the node: it stays in flight, as at SQS, until its receiver gives it back
        assert "Messages" not in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        (kept,) = (one for one in taken if one["Body"] == "kept")
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=kept["ReceiptHandle"], VisibilityTimeout=0)
    # What was in flight is offered again, what was deleted is not, and the delay goes on.
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])[
        "Messages"
    ]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "kept")
    assert message["MessageAttributes"] == attributes
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    again = sqs.send_message(**line, MessageBody="1", MessageDeduplicationId="one")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    third = sqs.send_message(**line, MessageBody="3", MessageDeduplicationId="three")
    assert int(second["SequenceNumber"]) < int(third["SequenceNumber"])
    found = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)["Messages"]
    assert [one["Body"] for one in found] == ["1", "2", "3"]


def test_a_handle_from_before_still_deletes(restarted: Restarted) -> None:
    sqs = restarted.sqs
    url = sqs.create_queue(QueueName="plain")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    restarted.again(RunningNode.stop)
    restarted.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert "Messages" not in restarted.sqs.receive_message(QueueUrl=url)


def test_a_move_task_goes_on(restarted: Restarted) -> None:
    sqs = restarted.sqs
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": f"{ARN}dead", "maxReceiveCount": 1})
    source = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    for body in "abc":
        sqs.send_message(QueueUrl=dead, MessageBody=body)
    sqs.start_message_move_task(
        SourceArn=f"{ARN}dead", DestinationArn=f"{ARN}source", MaxNumberOfMessagesPerSecond=2
    )
    restarted.again(RunningNode.kill)

    def task() -> Any:
        return restarted.sqs.list_message_move_tasks(SourceArn=f"{ARN}dead")["Results"][0]

    wait_for(lambda: task()["Status"] == "COMPLETED", 60)  # leases of the killed node last 15 s
    assert task()["ApproximateNumberOfMessagesMoved"] == 3
    found = restarted.sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]
    assert sorted(one["Body"] for one in found) == ["a", "b", "c"]
