"""EventBridge by boto3: the rule that EventBridge makes for an archive is shown, and not the user's to change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from events_rig import Listener, put

ACCOUNT = "600000000012"  # of its own: there is a quota of buses
Client = Callable[..., Any]
PATTERN = '{"source": ["shop"]}'
PREFIX = f"arn:aws:events:us-east-1:{ACCOUNT}:"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events", account=ACCOUNT)


@pytest.fixture
def name(events: Any) -> str:
    """Of a bus and of its archive."""
    found = f"n-{uuid4().hex[:8]}"
    bus = events.create_event_bus(Name=found)["EventBusArn"]
    events.create_archive(ArchiveName=found, EventSourceArn=bus, EventPattern=PATTERN)
    return found


def test_it_stands_among_the_rules_of_its_bus(events: Any, name: str) -> None:
    events.put_rule(Name="A", EventBusName=name, EventPattern=PATTERN)
    events.put_rule(Name="Z", EventBusName=name, EventPattern=PATTERN)
    rule = f"Events-Archive-{name}"
    first = events.list_rules(EventBusName=name, Limit=2)
    rest = events.list_rules(EventBusName=name, NextToken=first["NextToken"])
    assert [one["Name"] for one in first["Rules"] + rest["Rules"]] == ["A", rule, "Z"]
    (listed,) = events.list_rules(EventBusName=name, NamePrefix="Events-")["Rules"]
    described = events.describe_rule(Name=rule, EventBusName=name)
    described.pop("ResponseMetadata")
    assert described == {**listed, "CreatedBy": ACCOUNT}
    assert listed == {
        "Name": rule,
        "Arn": f"{PREFIX}rule/{name}/{rule}",
        "EventPattern": listed["EventPattern"],
        "State": "ENABLED",
        "ManagedBy": "prod.vhs.events.aws.internal",
        "EventBusName": name,
    }
    assert json.loads(listed["EventPattern"]) == {"source": ["shop"], "replay-name": [{"exists": False}]}
    (target,) = events.list_targets_by_rule(Rule=rule, EventBusName=name)["Targets"]
    assert (target["Id"], target["Arn"]) == (rule, "arn:aws:events:us-east-1:::")
    found = events.list_rule_names_by_target(TargetArn=target["Arn"], EventBusName=name)
    assert found["RuleNames"] == [rule]
    assert events.list_tags_for_resource(ResourceARN=listed["Arn"])["Tags"] == []
    assert (
        code_and_status(events.describe_rule, Name=rule)[0] == "ResourceNotFoundException"
    )  # on another bus
    events.update_archive(ArchiveName=name, EventPattern="")
    described = events.describe_rule(Name=rule, EventBusName=name)
    assert described["EventPattern"] == '{"replay-name":[{"exists":false}]}'
    events.delete_archive(ArchiveName=name)
    assert code_and_status(events.describe_rule, Name=rule, EventBusName=name) == (
        "ResourceNotFoundException", 400,
    )  # fmt: skip


def test_it_is_not_removed_by_force(events: Any, name: str) -> None:
    rule = f"Events-Archive-{name}"
    for call, params in (
        (events.delete_rule, {"Name": rule}),
        (events.remove_targets, {"Rule": rule, "Ids": [rule]}),
    ):
        code, status, message = refusal(call, **params, EventBusName=name, Force=True)
        assert (code, status) == ("NotImplementedException", 501)
        assert "Force" in message and rule in message
    # Of other rules, force is nothing.
    events.put_rule(Name="r", EventBusName=name, EventPattern=PATTERN)
    target = {"Id": "t", "Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"}
    events.put_targets(Rule="r", EventBusName=name, Targets=[target])
    refused = refusal(events.delete_rule, Name="r", EventBusName=name, Force=True)
    assert refused == ("ValidationException", 400, "Rule can't be deleted since it has targets.")
    events.remove_targets(Rule="r", EventBusName=name, Ids=["t"], Force=True)
    events.delete_rule(Name="r", EventBusName=name, Force=True)


def test_its_name_is_taken(events: Any, name: str) -> None:
    events.put_rule(Name=f"Events-Archive-{name}-2", EventBusName=name, EventPattern=PATTERN)
    bus = f"{PREFIX}event-bus/{name}"
    taken = refusal(events.create_archive, ArchiveName=f"{name}-2", EventSourceArn=bus)
    assert taken == ("ResourceAlreadyExistsException", 400, f"Rule Events-Archive-{name}-2 already exists.")


def test_it_gets_no_events_twice_and_is_no_match(client: Client, events: Any, name: str) -> None:
    listener = Listener(client, {"source": ["shop"]}, bus=name, account=ACCOUNT)
    for _ in range(3):
        put(events, {"Source": "shop", "DetailType": "order", "Detail": "{}", "EventBusName": name})
    assert len(listener.heard(3)) == 3
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 3
