"""SQS by boto3: what becomes of messages that nobody can handle, and how they come back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from waiting import wait_for

Client = Callable[..., Any]
PREFIX = "AWS.SimpleQueueService."
ACCOUNT = "000000000000"


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


class Made:
    """A queue with its URL and ARN."""

    def __init__(self, sqs: Any, suffix: str = "", **attributes: str) -> None:
        self.name = f"queue-{uuid4().hex[:12]}{suffix}"
        if suffix:
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        self.url: str = sqs.create_queue(QueueName=self.name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{self.name}"


def redrive(dead: str, limit: Any = 1) -> str:
    return json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": limit})


@pytest.fixture
def dead(sqs: Any) -> Made:
    return Made(sqs)


@pytest.fixture
def source(sqs: Any, dead: Made) -> Made:
    return Made(sqs, RedrivePolicy=redrive(dead.arn))


def receive(sqs: Any, queue: Made, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=queue.url,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **params,
    ).get("Messages", [])
    return found


def bury(sqs: Any, source: Made, *bodies: str) -> None:
    """Sent, received once, and then once too often."""
    for body in bodies:
        sqs.send_message(QueueUrl=source.url, MessageBody=body)
        receive(sqs, source, VisibilityTimeout=0)
        assert receive(sqs, source) == []


def test_a_message_that_was_received_too_often_moves_to_the_dead_letter_queue(sqs: Any, dead: Made) -> None:
    source = Made(sqs, RedrivePolicy=redrive(dead.arn, 2))
    attributes = {"n": {"DataType": "Number", "StringValue": "1"}}
    sent = sqs.send_message(QueueUrl=source.url, MessageBody="a", MessageAttributes=attributes)
    for count in ("1", "2"):
        (message,) = receive(sqs, source, VisibilityTimeout=0)
        assert message["Attributes"]["ApproximateReceiveCount"] == count
        assert receive(sqs, dead) == []
    assert receive(sqs, source) == []
    (buried,) = receive(sqs, dead)
    assert (buried["MessageId"], buried["Body"]) == (sent["MessageId"], "a")
    assert buried["MessageAttributes"] == attributes
    assert buried["Attributes"]["DeadLetterQueueSourceArn"] == source.arn
    assert buried["Attributes"]["SentTimestamp"] == message["Attributes"]["SentTimestamp"]
    assert receive(sqs, source) == []


def test_a_receive_passes_over_what_is_buried_to_what_is_good(sqs: Any, source: Made, dead: Made) -> None:
    sqs.send_message(QueueUrl=source.url, MessageBody="bad")
    receive(sqs, source, VisibilityTimeout=0)
    sqs.send_message(QueueUrl=source.url, MessageBody="good")
    assert [one["Body"] for one in receive(sqs, source)] == ["good"]
    assert [one["Body"] for one in receive(sqs, dead)] == ["bad"]


def test_a_fifo_group_goes_on_when_its_first_message_is_buried(sqs: Any) -> None:
    dead = Made(sqs, ".fifo")
    source = Made(sqs, ".fifo", RedrivePolicy=redrive(dead.arn))
    for body in ("bad", "good"):
        sqs.send_message(QueueUrl=source.url, MessageBody=body, MessageGroupId="g")
    (bad,) = sqs.receive_message(QueueUrl=source.url, MaxNumberOfMessages=1, VisibilityTimeout=0)["Messages"]
    assert bad["Body"] == "bad"
    assert [one["Body"] for one in receive(sqs, source)] == ["good"]
    (buried,) = receive(sqs, dead)
    assert (buried["Body"], buried["Attributes"]["MessageGroupId"]) == ("bad", "g")


def test_without_a_dead_letter_queue_nothing_is_lost(sqs: Any, source: Made, dead: Made) -> None:
    sqs.send_message(QueueUrl=source.url, MessageBody="a")
    receive(sqs, source, VisibilityTimeout=0)
    sqs.delete_queue(QueueUrl=dead.url)
    assert receive(sqs, source, VisibilityTimeout=0) == []
    sqs.set_queue_attributes(QueueUrl=source.url, Attributes={"RedrivePolicy": ""})
    assert [one["Body"] for one in receive(sqs, source)] == ["a"]


def test_the_sources_of_a_dead_letter_queue(sqs: Any, dead: Made) -> None:
    sources = sorted(Made(sqs, RedrivePolicy=redrive(dead.arn)).url for _ in range(3))
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead.url)["queueUrls"] == sources
    first = sqs.list_dead_letter_source_queues(QueueUrl=dead.url, MaxResults=2)
    rest = sqs.list_dead_letter_source_queues(QueueUrl=dead.url, MaxResults=2, NextToken=first["NextToken"])
    assert first["queueUrls"] + rest["queueUrls"] == sources
    assert "NextToken" not in rest
    assert sqs.list_dead_letter_source_queues(QueueUrl=sources[0])["queueUrls"] == []


REASONS: list[tuple[Any, str]] = [
    ("no json", "Redrive policy is not a valid JSON map."),
    ([], "Redrive policy is not a valid JSON map."),
    ({"maxReceiveCount": 1}, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
    ({"deadLetterTargetArn": "dummy"}, "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
    ({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42}, "Invalid value for deadLetterTargetArn."),
    (
        {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere", "maxReceiveCount": 1},
        "Dead letter target does not exist.",
    ),
    (
        {"deadLetterTargetArn": "dummy", "maxReceiveCount": 0},
        "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
    ),
    (
        {"deadLetterTargetArn": "dummy", "maxReceiveCount": 1001},
        "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
    ),
    (
        {"deadLetterTargetArn": "dummy", "maxReceiveCount": 1, "more": 1},
        "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("policy", "reason"), REASONS)
def test_a_redrive_policy_that_is_none_is_refused(sqs: Any, source: Made, policy: Any, reason: str) -> None:
    text = policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))
    given = {"RedrivePolicy": text}
    code, status, message = refusal(sqs.set_queue_attributes, QueueUrl=source.url, Attributes=given)
    assert (code, status) == ("InvalidParameterValue", 400)
    assert message == f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}"


def test_a_dead_letter_queue_is_of_the_same_kind(sqs: Any, dead: Made) -> None:
    fifo = Made(sqs, ".fifo")
    given = {"RedrivePolicy": redrive(dead.arn)}
    refused = code_and_status(sqs.set_queue_attributes, QueueUrl=fifo.url, Attributes=given)
    assert refused == ("InvalidParameterValue", 400)
    given = {"RedrivePolicy": redrive(fifo.arn)}
    refused = code_and_status(sqs.set_queue_attributes, QueueUrl=dead.url, Attributes=given)
    assert refused == ("InvalidParameterValue", 400)


def test_a_dead_letter_queue_says_whose_it_is(sqs: Any, dead: Made) -> None:
    source, other = Made(sqs), Made(sqs)

    def allow(permission: str, *sources: str) -> None:
        policy: dict[str, Any] = {"redrivePermission": permission}
        if sources:
            policy["sourceQueueArns"] = sources
        given = {"RedriveAllowPolicy": json.dumps(policy)}
        sqs.set_queue_attributes(QueueUrl=dead.url, Attributes=given)

    def point(queue: Made) -> None:
        sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": redrive(dead.arn)})

    def refused(queue: Made) -> bool:
        found = code_and_status(
            sqs.set_queue_attributes, QueueUrl=queue.url, Attributes={"RedrivePolicy": redrive(dead.arn)}
        )
        return found == ("InvalidParameterValue", 400)

    allow("denyAll")
    assert refused(source)
    name = f"queue-{uuid4().hex[:12]}"
    made = code_and_status(sqs.create_queue, QueueName=name, Attributes={"RedrivePolicy": redrive(dead.arn)})
    assert made == ("InvalidParameterValue", 400)
    allow("byQueue", source.arn)
    point(source)
    assert refused(other)
    allow("allowAll")
    point(other)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"redrivePermission": "some"},
        {"redrivePermission": "byQueue"},
        {"redrivePermission": "byQueue", "sourceQueueArns": []},
        {"redrivePermission": "allowAll", "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:a"]},
    ],
)
def test_a_redrive_allow_policy_that_is_none_is_refused(sqs: Any, dead: Made, policy: dict[str, Any]) -> None:
    given = {"RedriveAllowPolicy": json.dumps(policy)}
    refused = code_and_status(sqs.set_queue_attributes, QueueUrl=dead.url, Attributes=given)
    assert refused == ("InvalidAttributeValue", 400)


def task(sqs: Any, dead: Made) -> dict[str, Any]:
    found: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"][0]
    return found


def ended(sqs: Any, dead: Made) -> dict[str, Any]:
    wait_for(lambda: task(sqs, dead)["Status"] not in ("RUNNING", "CANCELLING"))
    return task(sqs, dead)


def test_messages_move_back_to_where_they_came_from(sqs: Any, source: Made, dead: Made) -> None:
    second = Made(sqs, RedrivePolicy=redrive(dead.arn))
    bury(sqs, source, "a", "b")
    bury(sqs, second, "c")
    assert sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
    shown = ended(sqs, dead)
    assert shown.pop("StartedTimestamp") > 0
    assert shown == {
        "Status": "COMPLETED",
        "SourceArn": dead.arn,
        "ApproximateNumberOfMessagesMoved": 3,
        "ApproximateNumberOfMessagesToMove": 3,
    }
    found = receive(sqs, source)
    assert sorted(one["Body"] for one in found) == ["a", "b"]
    assert {one["Attributes"]["ApproximateReceiveCount"] for one in found} == {"1"}
    assert "DeadLetterQueueSourceArn" not in found[0]["Attributes"]
    assert [one["Body"] for one in receive(sqs, second)] == ["c"]
    assert receive(sqs, dead) == []


def test_messages_move_elsewhere(sqs: Any, source: Made, dead: Made) -> None:
    bury(sqs, source, "a")
    sqs.send_message(QueueUrl=dead.url, MessageBody="sent to it")
    elsewhere = Made(sqs)
    sqs.start_message_move_task(
        SourceArn=dead.arn, DestinationArn=elsewhere.arn, MaxNumberOfMessagesPerSecond=500
    )
    shown = ended(sqs, dead)
    assert (shown["Status"], shown["DestinationArn"]) == ("COMPLETED", elsewhere.arn)
    assert shown["MaxNumberOfMessagesPerSecond"] == 500
    assert sorted(one["Body"] for one in receive(sqs, elsewhere)) == ["a", "sent to it"]


def test_a_fifo_queues_messages_move_back_in_order(sqs: Any) -> None:
    dead = Made(sqs, ".fifo")
    source = Made(sqs, ".fifo", RedrivePolicy=redrive(dead.arn))
    for body in "abc":
        sqs.send_message(QueueUrl=source.url, MessageBody=body, MessageGroupId="g")
    receive(sqs, source, VisibilityTimeout=0)
    assert receive(sqs, source) == []
    sqs.start_message_move_task(SourceArn=dead.arn)
    assert ended(sqs, dead)["Status"] == "COMPLETED"
    assert [one["Body"] for one in receive(sqs, source)] == ["a", "b", "c"]


def test_a_message_without_a_source_fails_the_task_and_stays(sqs: Any, source: Made, dead: Made) -> None:
    bury(sqs, source, "buried")
    sqs.send_message(QueueUrl=dead.url, MessageBody="sent to it")
    sqs.start_message_move_task(SourceArn=dead.arn)
    shown = ended(sqs, dead)
    assert (shown["Status"], shown["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert shown["ApproximateNumberOfMessagesMoved"] == 1
    assert [one["Body"] for one in receive(sqs, source)] == ["buried"]
    assert [one["Body"] for one in wait_for(lambda: receive(sqs, dead))] == ["sent to it"]


def test_a_task_fails_when_its_destination_goes(sqs: Any, source: Made, dead: Made) -> None:
    elsewhere = Made(sqs)
    for at in range(5):
        sqs.send_message(QueueUrl=dead.url, MessageBody=str(at))
    sqs.start_message_move_task(
        SourceArn=dead.arn, DestinationArn=elsewhere.arn, MaxNumberOfMessagesPerSecond=1
    )
    wait_for(lambda: task(sqs, dead)["ApproximateNumberOfMessagesMoved"])
    sqs.delete_queue(QueueUrl=elsewhere.url)
    shown = ended(sqs, dead)
    assert (shown["Status"], shown["FailureReason"]) == ("FAILED", f"{PREFIX}NonExistentQueue")
    assert shown["ApproximateNumberOfMessagesMoved"] < 5


def test_a_task_is_cancelled(sqs: Any, source: Made, dead: Made) -> None:
    for at in range(10):
        sqs.send_message(QueueUrl=dead.url, MessageBody=str(at))
    call = {"SourceArn": dead.arn, "DestinationArn": source.arn, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**call)["TaskHandle"]
    assert task(sqs, dead)["TaskHandle"] == handle
    text = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    assert refusal(sqs.start_message_move_task, **call) == ("InvalidParameterValue", 400, text)
    moved = sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"]
    shown = ended(sqs, dead)
    assert shown["Status"] == "CANCELLED"
    assert "TaskHandle" not in shown
    assert moved <= shown["ApproximateNumberOfMessagesMoved"] < 10
    refused = refusal(sqs.cancel_message_move_task, TaskHandle=handle)
    assert refused == (f"{PREFIX}UnsupportedOperation", 400, "Only active tasks can be cancelled.")
    sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=source.arn)
    assert ended(sqs, dead)["Status"] == "COMPLETED"
    assert len(sqs.list_message_move_tasks(SourceArn=dead.arn, MaxResults=10)["Results"]) == 2


def test_a_slow_task_holds_up_no_other(sqs: Any, source: Made, dead: Made) -> None:
    sqs.send_message_batch(
        QueueUrl=dead.url, Entries=[{"Id": str(at), "MessageBody": "slow"} for at in range(10)]
    )
    slow = {"SourceArn": dead.arn, "DestinationArn": source.arn, "MaxNumberOfMessagesPerSecond": 1}
    handle = sqs.start_message_move_task(**slow)["TaskHandle"]
    other_dead = Made(sqs)
    other = Made(sqs, RedrivePolicy=redrive(other_dead.arn))
    total = 300
    for start in range(0, total, 10):
        entries = [{"Id": str(at), "MessageBody": str(start + at)} for at in range(10)]
        sqs.send_message_batch(QueueUrl=other_dead.url, Entries=entries)
    sqs.start_message_move_task(SourceArn=other_dead.arn, DestinationArn=other.arn)
    assert ended(sqs, other_dead)["ApproximateNumberOfMessagesMoved"] == total
    assert task(sqs, dead)["Status"] == "RUNNING"
    sqs.cancel_message_move_task(TaskHandle=handle)
    assert ended(sqs, dead)["Status"] == "CANCELLED"


def test_tasks_that_cannot_be_are_refused(sqs: Any, source: Made, dead: Made) -> None:
    nowhere = f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere"
    start = sqs.start_message_move_task
    gone = "The resource that you specified for the {} parameter doesn't exist."
    not_there = ("ResourceNotFoundException", 404)
    assert refusal(start, SourceArn=nowhere) == (*not_there, gone.format("SourceArn"))
    found = refusal(start, SourceArn=dead.arn, DestinationArn=nowhere)
    assert found == (*not_there, gone.format("DestinationArn"))
    assert refusal(sqs.list_message_move_tasks, SourceArn=nowhere) == (*not_there, gone.format("SourceArn"))
    text = "Source queue must be configured as a Dead Letter Queue."
    assert refusal(start, SourceArn=source.arn) == ("InvalidParameterValue", 400, text)
    fifo = Made(sqs, ".fifo")
    for wrong in (
        {"MaxNumberOfMessagesPerSecond": 0},
        {"MaxNumberOfMessagesPerSecond": 501},
        {"DestinationArn": fifo.arn},
    ):
        assert code_and_status(start, SourceArn=dead.arn, **wrong) == ("InvalidParameterValue", 400)
    for limit in (0, 11):
        refused = code_and_status(sqs.list_message_move_tasks, SourceArn=dead.arn, MaxResults=limit)
        assert refused == ("InvalidParameterValue", 400)
    text = "Value for parameter TaskHandle is invalid."
    assert refusal(sqs.cancel_message_move_task, TaskHandle="x") == ("InvalidParameterValue", 400, text)
    other = base64.b64encode(json.dumps({"taskId": f"{dead.arn}|1|2"}).encode()).decode()
    assert refusal(sqs.cancel_message_move_task, TaskHandle=other) == (*not_there, "Task does not exist.")
    assert sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"] == []
