"""EventBridge by boto3: who may put events onto whose bus, and how far they go from there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status
from events_rig import ACCOUNT, GOOD, Listener, admit, put
from waiting import wait_for

Client = Callable[..., Any]
OTHER = "400000000001"


@pytest.fixture
def name() -> str:
    """Of a bus, and of a source, that no other test has."""
    return f"bus-{uuid4().hex[:8]}"


def arn_of(bus: str, account: str = OTHER, region: str = "us-east-1") -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/{bus}"


def make(client: Client, name: str, *statements: dict[str, Any], account: str = OTHER, **options: Any) -> str:
    events = client("events", account=account, **options)
    arn: str = events.create_event_bus(Name=name)["EventBusArn"]
    if statements:
        filled = [
            {"Sid": str(at), "Action": "events:PutEvents", "Resource": arn, **one}
            for at, one in enumerate(statements)
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": filled})
        events.put_permission(EventBusName=name, Policy=policy)
    return arn


def allow(**more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, **more}


DENY = {"Effect": "Deny", "Principal": "*"}


def result(client: Client, arn: str, account: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    entry = {**GOOD, "EventBusName": arn, **more}
    reply = client("events", account=account).put_events(Entries=[entry])
    (one,) = reply["Entries"]
    assert reply["FailedEntryCount"] == ("ErrorCode" in one)
    return dict(one)


def test_another_accounts_bus_is_closed_without_a_policy(client: Client, name: str) -> None:
    arn = make(client, name)
    assert result(client, arn) == {
        "ErrorCode": "AccessDeniedException",
        "ErrorMessage": f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: events:PutEvents on "
        f"resource: {arn} because no resource-based policy allows the events:PutEvents action",
    }
    assert "EventId" in result(client, arn, account=OTHER)
    assert result(client, arn_of("nowhere"))["ErrorCode"] == "AccessDeniedException"


@pytest.mark.parametrize(
    ("statements", "taken"),
    [
        ([allow()], True),
        ([allow(Principal={"AWS": ACCOUNT})], True),
        ([allow(Principal={"AWS": [OTHER, ACCOUNT]})], True),
        ([allow(Principal="*")], True),
        ([allow(Principal={"AWS": "*"})], True),
        ([allow(Principal={"AWS": "400000000009"})], False),
        ([allow(Principal={"Service": "events.amazonaws.com"})], False),
        ([allow(Action="events:*")], True),
        ([allow(Action="events:PutRule")], False),
        ([allow(Resource="*")], True),
        ([allow(Resource="arn:aws:events:us-east-1:1:event-bus/x")], False),
        ([allow(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})], False),
        ([allow(Condition={"StringEquals": {"events:source": "shop"}})], True),
        ([allow(Condition={"StringEquals": {"events:source": "bank"}})], False),
        ([allow(Condition={"StringLike": {"events:source": ["b*", "sh?p"]}})], True),
        ([allow(Condition={"StringEquals": {"events:detail-type": ["order", "invoice"]}})], True),
        ([allow(Condition={"StringEquals": {"events:source": "shop", "events:detail-type": "x"}})], False),
        ([allow(Condition={"StringNotEquals": {"events:source": "bank"}})], True),
        ([allow(Condition={"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})], True),
        ([allow(Condition={"Null": {"aws:SourceArn": "true"}})], True),
        ([allow(Condition={"IpAddress": {"aws:SourceIp": "127.0.0.1/8"}})], True),
        ([allow(), DENY], False),
        ([allow(), {**DENY, "Condition": {"StringEquals": {"events:source": "bank"}}}], True),
        ([allow(), {**DENY, "Condition": {"StringEquals": {"events:source": "shop"}}}], False),
        ([allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], False),
        ([allow(), {**DENY, "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}}], False),
        ([allow(), {**DENY, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}], True),
        ([allow(), {"Effect": "Deny", "NotPrincipal": {"AWS": ACCOUNT}}], True),
    ],
)
def test_the_policy_says_who_may(
    client: Client, name: str, statements: list[dict[str, Any]], taken: bool
) -> None:
    found = result(client, make(client, name, *statements))
    assert ("EventId" in found, found.get("ErrorCode")) == (taken, None if taken else "AccessDeniedException")


def test_each_entry_is_judged_by_itself_and_a_change_counts_at_once(client: Client, name: str) -> None:
    arn = make(client, name, allow(Condition={"StringEquals": {"events:source": "shop"}}))
    entries = [{**GOOD, "EventBusName": arn, "Source": source} for source in ("shop", "bank", "shop")]
    reply = client("events").put_events(Entries=entries)
    assert reply["FailedEntryCount"] == 1
    assert [one.get("ErrorCode") for one in reply["Entries"]] == [None, "AccessDeniedException", None]
    client("events", account=OTHER).remove_permission(EventBusName=name, RemoveAllPermissions=True)
    assert result(client, arn)["ErrorCode"] == "AccessDeniedException"
    admit(client, OTHER, bus=name)
    assert "EventId" in result(client, arn)


def test_the_owner_is_only_kept_out_by_a_deny(client: Client, name: str) -> None:
    arn = make(client, name, {**DENY, "Condition": {"StringEquals": {"events:source": "shop"}}})
    assert "explicit deny" in result(client, arn, account=OTHER)["ErrorMessage"]
    assert "EventId" in result(client, arn, account=OTHER, Source="bank")


def test_a_policy_that_is_too_long_or_none_is_refused(client: Client, name: str) -> None:
    make(client, name)
    events = client("events", account=OTHER)
    long = {"Version": "2012-10-17", "Statement": [{**allow(), "Action": "a" * 10_240, "Resource": "*"}]}
    refused = code_and_status(events.put_permission, EventBusName=name, Policy=json.dumps(long))
    assert refused == ("PolicyLengthExceededException", 400)
    for statement in ({"Effect": "Perhaps"}, {"Effect": "Allow", "Condition": {"StringEquals": 1}}):
        policy = json.dumps({"Statement": [statement]})
        refused = code_and_status(events.put_permission, EventBusName=name, Policy=policy)
        assert refused == ("ValidationException", 400)


def hand_on(client: Client, rule: str, source: str, target: str, account: str = ACCOUNT, **more: Any) -> None:
    bus, region = more.pop("bus", "default"), more.pop("region", "us-east-1")
    events = client("events", account=account, region=region)
    events.put_rule(Name=rule, EventBusName=bus, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, EventBusName=bus, Targets=[{"Id": "bus", "Arn": target, **more}])


def dead_letters(
    client: Client, name: str, region: str = "us-east-1"
) -> tuple[str, Callable[[], dict[str, Any] | None]]:
    """The ARN of a queue that EventBridge may send to, and what gives its next message."""
    sqs = client("sqs", region=region)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": queue,
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})

    def letter() -> dict[str, Any] | None:
        reply = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        return next(iter(reply.get("Messages", ())), None)

    return queue, letter


@pytest.mark.parametrize("more", [{}, {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/hand-on"}])
def test_a_rule_needs_the_other_bus_to_take_its_events(
    client: Client, name: str, more: dict[str, Any]
) -> None:
    arn = make(client, name)
    theirs = Listener(client, {"source": [name]}, bus=name, account=OTHER)
    queue, letter = dead_letters(client, name)
    hand_on(client, name, name, arn, DeadLetterConfig={"Arn": queue}, **more)
    (lost,) = put(client("events"), {**GOOD, "Source": name})
    found = wait_for(letter)
    assert json.loads(found["Body"])["id"] == lost["EventId"]
    assert found["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    admit(client, OTHER, bus=name)
    put(client("events"), {**GOOD, "Source": name, "Detail": '{"n": 2}'})
    assert [one["detail"] for one in theirs.heard(1)] == [{"n": 2}]


def test_a_policy_may_name_the_rule(client: Client, name: str) -> None:
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}"
    arn = make(client, name, allow(Condition={"ArnEquals": {"aws:SourceArn": rule}}), region="eu-west-1")
    theirs = Listener(client, {"source": [name]}, bus=name, account=OTHER, region="eu-west-1")
    assert result(client, arn)["ErrorCode"] == "AccessDeniedException"
    hand_on(client, name, name, arn)
    put(client("events"), {**GOOD, "Source": name})
    assert theirs.heard(1)[0]["region"] == "us-east-1"


@pytest.mark.parametrize("whole", [True, False])
def test_an_event_goes_to_one_other_bus_and_no_further(client: Client, name: str, whole: bool) -> None:
    """By the rule's own commit, and by a delivery of its own where the input is made."""
    second = make(client, f"{name}-2", account=ACCOUNT)
    third = make(client, f"{name}-3", account=ACCOUNT)
    here = Listener(client, {"source": [name]}, bus=f"{name}-2")
    there = Listener(client, {"source": [name]}, bus=f"{name}-3")
    hand_on(client, f"{name}-b", name, third, bus=f"{name}-2")
    hand_on(client, f"{name}-a", name, second, **({} if whole else {"InputPath": "$"}))
    put(client("events"), {**GOOD, "Source": name, "Detail": '{"n": "far"}'})
    here.heard(1)
    put(client("events"), {**GOOD, "Source": name, "EventBusName": f"{name}-2", "Detail": '{"n": "near"}'})
    assert [one["detail"]["n"] for one in there.heard(1)] == ["near"]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("region", "code"),
    [("us-east-1", "THIRD_ACCOUNT_HOP_DETECTED"), ("eu-west-1", "THIRD_REGION_HOP_DETECTED")],
)
def test_what_goes_no_further_is_a_dead_letter(
    client: Client, name: str, region: str, code: str, whole: bool
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html lists both codes."""
    second = make(client, f"{name}-2", account=ACCOUNT)
    third = make(client, f"{name}-3", allow(), region=region)
    queue, letter = dead_letters(client, name)
    hand_on(client, f"{name}-b", name, third, bus=f"{name}-2", DeadLetterConfig={"Arn": queue})
    hand_on(client, f"{name}-a", name, second, **({} if whole else {"InputPath": "$"}))
    put(client("events"), {**GOOD, "Source": name})
    found = wait_for(letter)
    told = {key: value["StringValue"] for key, value in found["MessageAttributes"].items()}
    assert (told["ERROR_CODE"], told["RETRY_ATTEMPTS"], told["TARGET_ARN"]) == (code, "0", third)
    assert json.loads(found["Body"])["source"] == name
