"""Queues that feed functions: what arrives, what is deleted, what comes again, and what a mapping may say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from function_rig import zip_of
from lambda_rig import function_role
from waiting import wait_for

Client = Callable[..., Any]

# Says what it got, fails for "fail" the first time, and reports those that begin with "bad" as failures.
SOURCE = """
import json, pathlib

def handler(event, context):
    failures = []
    for record in event["Records"]:
        print("GOT " + json.dumps(record))
        if record["body"] == "fail" and record["attributes"]["ApproximateReceiveCount"] == "1":
            raise ValueError("not yet")
        if record["body"].startswith("bad"):
            failures.append({"itemIdentifier": record["messageId"]})
    print("BATCH %d" % len(event["Records"]))
    return {"batchItemFailures": failures}
"""


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def name(functions: Any, client: Client) -> str:
    name = f"worker-{uuid4().hex[:8]}"
    role = function_role(client("iam"), "sqs:*", name=name)
    functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.11",
        Handler="app.handler",
        Timeout=4,
        Code={"ZipFile": zip_of({"app.py": SOURCE})},
    )
    return name


def make_queue(sqs: Any, **attributes: str) -> tuple[str, str]:
    """URL and ARN."""
    suffix = ".fifo" if "FifoQueue" in attributes else ""
    url = sqs.create_queue(
        QueueName=f"q-{uuid4().hex[:8]}{suffix}", Attributes={"VisibilityTimeout": "4", **attributes}
    )["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def warm(functions: Any, name: str) -> None:
    """Start the function, so that a message is not visible again before the function has it."""
    assert "FunctionError" not in functions.invoke(FunctionName=name, Payload=b'{"Records": []}')


def lines(client: Client, name: str, beginning: str) -> list[str]:
    logs, group = client("logs"), f"/aws/lambda/{name}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    found = logs.filter_log_events(logGroupName=group, filterPattern=beginning)
    return [
        event["message"].removeprefix(beginning).strip()
        for event in found["events"]
        if event["message"].startswith(beginning)
    ]


def got(client: Client, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(client, name, "GOT")]


def is_empty(sqs: Any, url: str) -> bool:
    counts = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return set(counts.values()) == {"0"}


def test_a_message_reaches_the_function_and_is_deleted(
    functions: Any, sqs: Any, client: Client, name: str
) -> None:
    url, arn = make_queue(sqs, VisibilityTimeout="30")  # the first start may take longer than four seconds
    made = functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
    assert (made["State"], made["BatchSize"], made["MaximumBatchingWindowInSeconds"]) == ("Creating", 10, 0)
    assert functions.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled"
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="hello",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "t"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        },
    )
    record = wait_for(lambda: got(client, name))[0]
    attributes = record.pop("attributes")
    assert record.pop("receiptHandle")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello",
        "md5OfBody": sent["MD5OfMessageBody"],
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "messageAttributes": {
            "text": {
                "stringValue": "t", "stringListValues": [], "binaryListValues": [], "dataType": "String",
            },
            "bytes": {
                "binaryValue": "AAE=", "stringListValues": [], "binaryListValues": [], "dataType": "Binary",
            },
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    }  # fmt: skip
    assert attributes["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= set(attributes)
    wait_for(lambda: is_empty(sqs, url))


def test_a_failed_batch_comes_again(functions: Any, sqs: Any, client: Client, name: str) -> None:
    url, arn = make_queue(sqs)
    warm(functions, name)
    functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)
    sqs.send_message(QueueUrl=url, MessageBody="fail")
    counts = wait_for(lambda: [one["attributes"]["ApproximateReceiveCount"] for one in got(client, name)][1:])
    assert counts == ["2"]
    wait_for(lambda: is_empty(sqs, url))


def test_what_keeps_failing_ends_in_the_dead_letter_queue(
    functions: Any, sqs: Any, client: Client, name: str
) -> None:
    dead_url, dead_arn = make_queue(sqs)
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = make_queue(sqs, RedrivePolicy=redrive)
    warm(functions, name)
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    for body in ("good", "bad one"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    found = wait_for(lambda: sqs.receive_message(QueueUrl=dead_url, WaitTimeSeconds=1).get("Messages"))
    assert [message["Body"] for message in found] == ["bad one"]
    assert sorted(one["body"] for one in got(client, name)) == ["bad one", "bad one", "good"]
    assert is_empty(sqs, url)


def test_filters_drop_what_nobody_wants(functions: Any, sqs: Any, client: Client, name: str) -> None:
    url, arn = make_queue(sqs)
    pattern = json.dumps({"body": {"state": ["paid"]}})
    warm(functions, name)
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, FilterCriteria={"Filters": [{"Pattern": pattern}]}
    )
    for body in ('{"state": "new"}', "plain text", '{"state": "paid"}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    wait_for(lambda: is_empty(sqs, url))
    assert [one["body"] for one in wait_for(lambda: got(client, name))] == ['{"state": "paid"}']


def test_a_window_gathers_a_batch(functions: Any, sqs: Any, client: Client, name: str) -> None:
    url, arn = make_queue(sqs, VisibilityTimeout="30")
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, BatchSize=25, MaximumBatchingWindowInSeconds=20
    )
    for start in range(0, 25, 5):
        entries = [{"Id": str(at), "MessageBody": str(at)} for at in range(start, start + 5)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert wait_for(lambda: lines(client, name, "BATCH")) == ["25"]


def test_a_fifo_queue_keeps_the_order_of_its_groups(
    functions: Any, sqs: Any, client: Client, name: str
) -> None:
    url, arn = make_queue(sqs, FifoQueue="true", ContentBasedDeduplication="true")
    warm(functions, name)
    functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, BatchSize=2)
    for at in range(9):
        sqs.send_message(QueueUrl=url, MessageBody=f"m{at}", MessageGroupId=f"g{at % 2}")
    wait_for(lambda: len(got(client, name)) == 9)
    for group in ("g0", "g1"):
        bodies = [one["body"] for one in got(client, name) if one["attributes"]["MessageGroupId"] == group]
        assert bodies == sorted(bodies)


def test_a_disabled_mapping_rests(functions: Any, sqs: Any, client: Client, name: str) -> None:
    url, arn = make_queue(sqs)
    warm(functions, name)
    uuid = functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, Enabled=False)["UUID"]
    assert functions.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    sqs.send_message(QueueUrl=url, MessageBody="waits")
    assert not is_empty(sqs, url)
    updated = functions.update_event_source_mapping(
        UUID=uuid, Enabled=True, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}
    )
    assert (updated["State"], updated["BatchSize"]) == ("Enabling", 1)
    assert updated["ScalingConfig"] == {"MaximumConcurrency": 2}
    wait_for(lambda: is_empty(sqs, url))
    assert [one["body"] for one in got(client, name)] == ["waits"]
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    missing = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    wrong = refusal(functions.update_event_source_mapping, UUID=uuid, KMSKeyArn=missing)
    assert wrong[0] == "InvalidParameterValueException" and "KMS Exception: NotFoundException" in wrong[2]
    assert functions.update_event_source_mapping(UUID=uuid, KMSKeyArn=key)["State"] == "Updating"
    config = functions.get_event_source_mapping(UUID=uuid)
    assert (config["State"], config["KMSKeyArn"]) == ("Enabled", key)
    disabled = functions.update_event_source_mapping(UUID=uuid, Enabled=False, KMSKeyArn="")
    assert (disabled["State"], "KMSKeyArn" in disabled) == ("Disabling", False)


def test_mappings_are_listed_tagged_and_deleted(functions: Any, sqs: Any, name: str) -> None:
    _, first = make_queue(sqs)
    _, second = make_queue(sqs)
    made = [
        functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, Tags={"a": "1"})
        for arn in (first, second)
    ]
    listed = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    assert {one["UUID"] for one in listed} == {one["UUID"] for one in made}
    (only,) = functions.list_event_source_mappings(EventSourceArn=first)["EventSourceMappings"]
    assert only["UUID"] == made[0]["UUID"]
    page = functions.list_event_source_mappings(FunctionName=name, MaxItems=1)
    assert len(page["EventSourceMappings"]) == 1
    assert page["NextMarker"]
    arn = made[0]["EventSourceMappingArn"]
    functions.tag_resource(Resource=arn, Tags={"b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    uuid = made[0]["UUID"]
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    for call in (functions.get_event_source_mapping, functions.delete_event_source_mapping):
        code, status, message = refusal(call, UUID=uuid)
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message == "The resource you requested does not exist."


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", "Function not found"),
        (
            {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:none"},
            "InvalidParameterValueException",
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}, "NotImplementedException", "kinesis"),
        ({"BatchSize": 11}, "InvalidParameterValueException", "Maximum batch window"),
        ({"StartingPosition": "LATEST"}, "InvalidParameterValueException", "StartingPosition"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}}, "InvalidParameterValueException", "Invalid filter"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["a"]}'}] * 6}},
            "InvalidParameterValueException",
            "at most 5",
        ),
    ],
)  # fmt: skip
def test_a_mapping_that_is_refused_is_not_made(
    functions: Any, sqs: Any, name: str, more: dict[str, Any], code: str, named: str
) -> None:
    _, arn = make_queue(sqs)
    request = {"FunctionName": name, "EventSourceArn": arn, **more}
    found, _, message = refusal(functions.create_event_source_mapping, **request)
    assert found == code
    assert named in message
    assert functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"] == []


def test_a_queue_feeds_a_function_once_and_is_patient_enough(functions: Any, sqs: Any, name: str) -> None:
    _, hasty = make_queue(sqs, VisibilityTimeout="0")
    request = {"FunctionName": name, "EventSourceArn": hasty}
    code, _, message = refusal(functions.create_event_source_mapping, **request)
    assert code == "InvalidParameterValueException"
    assert message == "Queue visibility timeout: 0 seconds is less than Function timeout: 4 seconds"
    _, arn = make_queue(sqs)
    uuid = functions.create_event_source_mapping(FunctionName=name, EventSourceArn=arn)["UUID"]
    code, status, message = refusal(
        functions.create_event_source_mapping, FunctionName=name, EventSourceArn=arn
    )
    assert (code, status) == ("ResourceConflictException", 409)
    assert uuid in message


def test_a_mapping_that_is_disabled_while_it_gathers_gives_back_what_it_has(
    sqs: Any, functions: Any, client: Client, name: str
) -> None:
    url, arn = make_queue(sqs, VisibilityTimeout="3600")
    uuid = functions.create_event_source_mapping(
        EventSourceArn=arn, FunctionName=name, BatchSize=100, MaximumBatchingWindowInSeconds=300
    )["UUID"]
    sqs.send_message(QueueUrl=url, MessageBody="gathered")
    in_flight = "ApproximateNumberOfMessagesNotVisible"
    wait_for(
        lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][in_flight] == "1"
    )
    functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    (message,) = wait_for(
        lambda: sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=0).get("Messages")
    )
    assert message["Body"] == "gathered"
    assert got(client, name) == []
    functions.delete_event_source_mapping(UUID=uuid)
