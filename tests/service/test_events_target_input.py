"""What do targets get, by boto3: log events that a template makes, message groups, and the dead letters of the rest?"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from events_rig import ACCOUNT, admit_events, put
from waiting import wait_for

Client = Callable[..., Any]
TEMPLATE = '{"timestamp": <at>, "message": <said>}'


@pytest.fixture
def name() -> str:
    return f"input-{uuid4().hex[:8]}"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


def queue(client: Client, name: str) -> tuple[str, str]:
    """Address and ARN of a queue into which EventBridge may send."""
    sqs = client("sqs")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arn,
    }  # fmt: skip
    policy = {"Policy": json.dumps({"Statement": [statement]})}
    return sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"], arn


def received(client: Client, url: str) -> Any:
    def message() -> Any:
        reply = client("sqs").receive_message(
            QueueUrl=url, WaitTimeSeconds=1, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        return next(iter(reply.get("Messages", ())), None)

    return wait_for(message)


def send(events: Any, name: str, **detail: Any) -> None:
    put(events, {"Source": name, "DetailType": "order", "Detail": json.dumps(detail)})


def aim(events: Any, name: str, **target: Any) -> None:
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    assert events.put_targets(Rule=name, Targets=[{"Id": "t", **target}])["FailedEntryCount"] == 0


def log_target(client: Client, name: str, template: str = TEMPLATE) -> dict[str, Any]:
    client("logs").create_log_group(logGroupName=f"/aws/events/{name}")
    admit_events(client("logs"))
    return {
        "Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/{name}",
        "InputTransformer": {
            "InputPathsMap": {"at": "$.detail.at", "said": "$.detail.said"},
            "InputTemplate": template,
        },
    }


def logged(client: Client, name: str, count: int) -> list[tuple[int, str]]:
    def found() -> list[tuple[int, str]] | None:
        there = client("logs").filter_log_events(logGroupName=f"/aws/events/{name}")["events"]
        return [(one["timestamp"], one["message"]) for one in there] if len(there) >= count else None

    return wait_for(found)


def test_a_template_makes_log_events(client: Client, events: Any, name: str) -> None:
    """By the first delivery, which makes the stream, and by the event's own commit."""
    aim(events, name, **log_target(client, name))
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    send(events, name, at=first.isoformat().replace("+00:00", "Z"), said="one")
    logged(client, name, 1)
    later = int(first.timestamp() * 1000) + 60_000
    send(events, name, at=later, said="two")
    assert logged(client, name, 2) == [(later - 60_000, "one"), (later, "two")]


@pytest.mark.parametrize(
    ("detail", "message"),
    [
        ({"at": "yesterday", "said": "x"}, "Invalid input for target."),
        ({"said": "x"}, "Invalid input for target."),
        ({"at": "2026-01-01T00:00:00Z", "said": {"not": "a text"}}, "Invalid input for target."),
        ({"at": "2001-01-01T00:00:00Z", "said": "x"}, "too old"),
    ],
)
def test_what_makes_no_log_event_is_a_dead_letter(
    client: Client, events: Any, name: str, detail: dict[str, Any], message: str
) -> None:
    url, dead = queue(client, name)
    aim(events, name, **log_target(client, name), DeadLetterConfig={"Arn": dead})
    send(events, name, **detail)
    letter = received(client, url)
    told = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert json.loads(letter["Body"])["detail"] == detail
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"]) == ("INVALID_PARAMETER", "0")
    assert message in told["ERROR_MESSAGE"] and "EXHAUSTED_RETRY_CONDITION" not in told


@pytest.mark.parametrize("more", [{}, {"InputPath": "$.detail"}])
def test_a_fair_queue_gets_its_message_group(
    client: Client, events: Any, name: str, more: dict[str, str]
) -> None:
    url, arn = queue(client, name)
    aim(events, name, Arn=arn, SqsParameters={"MessageGroupId": "tenant"}, **more)
    for number in range(2):  # the second finds a queue that is known
        send(events, name, n=number)
        assert received(client, url)["Attributes"]["MessageGroupId"] == "tenant"


@pytest.mark.parametrize("more", [{}, {"InputPath": "$.detail.n"}])
def test_a_message_group_may_be_a_part_of_the_event(
    client: Client, events: Any, name: str, more: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#dynamic-path-parameters"""
    url, arn = queue(client, name)
    lost, dead = queue(client, f"{name}-dead")
    group = {"MessageGroupId": "$.detail.tenant"}
    aim(events, name, Arn=arn, SqsParameters=group, DeadLetterConfig={"Arn": dead}, **more)
    for tenant in ("a", "b", 7):
        send(events, name, n=1, tenant=tenant)
        assert received(client, url)["Attributes"]["MessageGroupId"] == str(tenant)
    for detail in ({}, {"tenant": "two words"}, {"tenant": "x" * 129}):
        send(events, name, n=1, **detail)
        letter = received(client, lost)
        assert json.loads(letter["Body"])["detail"] == {"n": 1, **detail}
        client("sqs").delete_message(QueueUrl=lost, ReceiptHandle=letter["ReceiptHandle"])


def test_a_queue_gets_what_its_template_makes(client: Client, events: Any, name: str) -> None:
    url, arn = queue(client, name)
    paths = {"detail": "$.detail", "gone": "$.detail.gone", "n": "$.detail.n"}
    template = (
        '{\n  "n": <n>, "gone": <gone>,\n  "said": "it is <detail>",\n  "rule": "<aws.events.rule-name>"\n}'
    )
    aim(events, name, Arn=arn, InputTransformer={"InputPathsMap": paths, "InputTemplate": template})
    send(events, name, n=1.50, said="no")
    body = received(client, url)["Body"]
    assert body == f'{{"n":1.5,"gone":"","said":"it is {{n:1.5,said:no}}","rule":"{name}"}}'
