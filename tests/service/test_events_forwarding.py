"""Targets whose service is not part of Nightbus go, by boto3, to the endpoint that the setting names."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from aws_refusals import refusal
from forwarding_rig import ACCOUNT, MACHINE, ROLE, Elsewhere, Sent, Source, arn_of, forwarding_node
from nodes import RunningNode
from waiting import wait_for

STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/orders"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.close()


@pytest.fixture(scope="module")
def node(elsewhere: Elsewhere) -> Iterator[RunningNode]:
    with forwarding_node(elsewhere) as running:
        yield running


@pytest.fixture
def source(node: RunningNode) -> Source:
    return Source(node)


def only(elsewhere: Elsewhere, words: str) -> Sent:
    found = wait_for(lambda: elsewhere.of(words))
    assert len(found) == 1
    return found[0]


def test_an_event_starts_an_execution(source: Source, elsewhere: Elsewhere) -> None:
    name = source.target(MACHINE)
    event_id = source.put(name)
    sent = only(elsewhere, name)
    assert (sent.target, sent.headers["content-type"]) == (
        "AWSStepFunctions.StartExecution", "application/x-amz-json-1.0",
    )  # fmt: skip
    assert sent.body["stateMachineArn"] == MACHINE
    assert sent.body["name"].startswith(f"{event_id}_")
    assert json.loads(sent.body["input"])["detail"] == {"of": name}
    assert f"Credential={ACCOUNT}/" in sent.headers["authorization"]
    assert "/us-east-1/states/" in sent.headers["authorization"]


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({}, None),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}}, "ada"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.customer"}, "InputPath": "$.detail"}, "ada"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.n"}}, "7"),
        ({"KinesisParameters": {"PartitionKeyPath": "$.detail.nothing"}}, None),
    ],
)
def test_an_event_becomes_a_record_of_a_stream(
    source: Source, elsewhere: Elsewhere, more: dict[str, Any], key: str | None
) -> None:
    before = len(elsewhere.requests)
    name = source.target(STREAM, **more)
    event_id = source.put(name, customer="ada", n=7)
    sent = wait_for(lambda: elsewhere.requests[before:])[0]
    assert (sent.target, sent.headers["content-type"]) == (
        "Kinesis_20131202.PutRecord", "application/x-amz-json-1.1",
    )  # fmt: skip
    assert (sent.body["StreamName"], sent.body["PartitionKey"]) == ("orders", key or event_id)
    data = json.loads(base64.b64decode(sent.body["Data"]))
    assert (data if "InputPath" in more else data["detail"])["of"] == name


def test_a_refusal_is_a_dead_letter(source: Source, elsewhere: Elsewhere) -> None:
    url, dead = source.queue()
    name = source.target(MACHINE, DeadLetterConfig={"Arn": dead})
    elsewhere.answer = lambda sent: (
        400,
        {"__type": "StateMachineDoesNotExist", "message": "no such machine"},
    )
    try:
        event_id = source.put(name)
        letter = source.letter(url)
    finally:
        elsewhere.answer = lambda sent: None
    assert json.loads(letter["Body"])["id"] == event_id
    told = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert (told["TARGET_ARN"], told["ERROR_MESSAGE"], told["RETRY_ATTEMPTS"]) == (
        MACHINE,
        "no such machine",
        "0",
    )


def test_what_fails_for_now_is_tried_again_under_the_same_name(source: Source, elsewhere: Elsewhere) -> None:
    name = source.target(MACHINE)
    answers: list[tuple[int, dict[str, Any]]] = [
        (500, {"__type": "InternalError", "message": "later"}),
        (400, {"__type": "ThrottlingException", "message": "slowly"}),
        (400, {"__type": "ExecutionAlreadyExists", "message": "it runs"}),
    ]
    elsewhere.answer = lambda sent: answers.pop(0) if answers else None
    source.put(name)
    found = wait_for(lambda: elsewhere.of(name)[2:] and elsewhere.of(name))
    elsewhere.answer = lambda sent: None
    assert len({sent.body["name"] for sent in found}) == 1


def test_a_target_needs_a_role(source: Source) -> None:
    source.events.put_rule(Name="needs", EventPattern='{"source": ["shop"]}')
    code, status, message = refusal(
        source.events.put_targets, Rule="needs", Targets=[{"Id": "t", "Arn": MACHINE}]
    )
    assert (code, status, message) == (
        "ValidationException",
        400,
        f"RoleArn is required for target {MACHINE}.",
    )


@pytest.mark.parametrize(
    ("arn", "more", "named"),
    [
        (arn_of("ecs", "cluster/main"), {}, "Parameter(s) EcsParameters must be specified"),
        (arn_of("batch", "job-queue/q"), {}, "Parameter(s) BatchParameters must be specified"),
        (
            arn_of("ssm", "document/d"),
            {},
            "Parameter(s) RunCommandParameters must be specified",
        ),
        (
            arn_of("redshift", "cluster:c"),
            {},
            "Parameter(s) RedshiftDataParameters must be specified",
        ),
        (
            arn_of("appsync", "endpoints/graphql-api/x"),
            {},
            "Parameter(s) AppSyncParameters must be specified",
        ),
        (
            MACHINE,
            {"KinesisParameters": {"PartitionKeyPath": "$.id"}},
            "Parameter(s) KinesisParameters not supported for target: t.",
        ),
        (
            arn_of("execute-api", "abc/prod/POST/x"),
            {"HttpParameters": {"HeaderParameters": {"X-Fine": "1", "X-Amzn-Trace-Id": "2"}}},
            "Header X-Amzn-Trace-Id is not permitted",
        ),
        (
            arn_of("execute-api", "abc/prod/POST/x"),
            {"HttpParameters": {"HeaderParameters": {"Host": "elsewhere"}}},
            "Header Host is not permitted",
        ),
        (arn_of("ssm", "opsitem"), {}, "opsitem"),
    ],
)
def test_what_does_not_fit_is_refused(source: Source, arn: str, more: dict[str, Any], named: str) -> None:
    source.events.put_rule(Name="unfit", EventPattern='{"source": ["shop"]}')
    target = {"Id": "t", "Arn": arn, "RoleArn": ROLE, **more}
    assert named in refusal(source.events.put_targets, Rule="unfit", Targets=[target])[2]


@pytest.mark.parametrize("input_", ['"text"', "[1]"])
def test_an_input_that_becomes_no_call_is_a_dead_letter(source: Source, input_: str) -> None:
    url, dead = source.queue()
    name = source.target(arn_of("codebuild", "project/site"), Input=input_, DeadLetterConfig={"Arn": dead})
    source.put(name)
    told = source.letter(url)["MessageAttributes"]
    assert told["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"
    assert "must be a JSON object" in told["ERROR_MESSAGE"]["StringValue"]


def test_a_call_that_boto3_refuses_is_a_dead_letter(source: Source) -> None:
    url, dead = source.queue()
    name = source.target(
        arn_of("codebuild", "project/site"), Input='{"speed": 3}', DeadLetterConfig={"Arn": dead}
    )
    source.put(name)
    told = source.letter(url)["MessageAttributes"]
    assert told["ERROR_CODE"]["StringValue"] == "INVALID_PARAMETER"
    assert "speed" in told["ERROR_MESSAGE"]["StringValue"]


def test_a_topic_sends_to_a_firehose_stream(node: RunningNode, elsewhere: Elsewhere) -> None:
    sns = node.client("sns")
    topic = sns.create_topic(Name="to-firehose")["TopicArn"]
    stream = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/notes"
    role = {"SubscriptionRoleArn": ROLE}
    arn = sns.subscribe(TopicArn=topic, Protocol="firehose", Endpoint=stream, Attributes=role)[
        "SubscriptionArn"
    ]
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["SubscriptionRoleArn"], shown["PendingConfirmation"]) == (ROLE, "false")
    sns.publish(TopicArn=topic, Message="for the stream")
    sent = wait_for(lambda: [one for one in elsewhere.requests if one.target.startswith("Firehose")])
    record = next(one.body for one in sent if one.body["DeliveryStreamName"] == "notes")
    data = base64.b64decode(record["Record"]["Data"])
    assert (json.loads(data)["Message"], data[-1:]) == ("for the stream", b"\n")
