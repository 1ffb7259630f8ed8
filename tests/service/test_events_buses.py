"""EventBridge by boto3: buses, their permissions and their tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from key_policies import key_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def bus(events: Any) -> str:
    name = f"bus-{uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    return name


def arn(name: str) -> str:
    return f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{name}"


def test_a_bus_from_its_creation_to_its_end(events: Any) -> None:
    name = f"bus-{uuid4().hex[:8]}"
    made = events.create_event_bus(Name=name, Description="orders", Tags=[{"Key": "a", "Value": "1"}])
    assert (made["EventBusArn"], made["Description"]) == (arn(name), "orders")
    described = events.describe_event_bus(Name=name)
    assert (described["Name"], described["Arn"], described["Description"]) == (name, arn(name), "orders")
    assert described["CreationTime"] == described["LastModifiedTime"]
    assert "Policy" not in described
    assert events.describe_event_bus(Name=arn(name))["Name"] == name
    changed = events.update_event_bus(Name=name, Description="all orders")
    assert (changed["Arn"], changed["Name"], changed["Description"]) == (arn(name), name, "all orders")
    described = events.describe_event_bus(Name=name)
    assert described["Description"] == "all orders"
    assert described["LastModifiedTime"] >= described["CreationTime"]
    assert events.list_tags_for_resource(ResourceARN=arn(name))["Tags"] == [{"Key": "a", "Value": "1"}]
    events.delete_event_bus(Name=name)
    events.delete_event_bus(Name=name)  # as on AWS, no error
    code, status, message = refusal(events.describe_event_bus, Name=name)
    assert (code, status, message) == ("ResourceNotFoundException", 400, f"Event bus {name} does not exist.")


def test_the_default_bus_is_there_and_stays(events: Any) -> None:
    described = events.describe_event_bus()
    assert (described["Name"], described["Arn"]) == ("default", arn("default"))
    assert refusal(events.delete_event_bus, Name="default") == (
        "ValidationException", 400, "Cannot delete event bus default.",
    )  # fmt: skip
    code, _, message = refusal(events.create_event_bus, Name="default")
    assert (code, message) == ("ResourceAlreadyExistsException", "Event bus default already exists.")


def test_what_cannot_be_created_is_refused_by_name(events: Any, bus: str) -> None:
    assert refusal(events.create_event_bus, Name=bus) == (
        "ResourceAlreadyExistsException", 400, f"Event bus {bus} already exists.",
    )  # fmt: skip
    assert code_and_status(events.create_event_bus, Name="a/b") == ("ValidationException", 400)
    assert code_and_status(events.create_event_bus, Name="a b") == ("ValidationException", 400)
    assert code_and_status(events.create_event_bus, Name="a|b") == ("ValidationException", 400)
    refused = refusal(
        events.create_event_bus, Name="other", DeadLetterConfig={"Arn": "arn:aws:sns:us-east-1:1:t"}
    )
    assert refused == ("ValidationException", 400, "sns is not supported as a dead letter resource")
    assert (
        code_and_status(events.create_event_bus, Name="x", LogConfig={"Level": "LOUD"})[0]
        == "ValidationException"
    )


SETTINGS: dict[str, Any] = {
    "Description": "orders",
    "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"},
    "LogConfig": {"Level": "INFO", "IncludeDetail": "FULL"},
}


def settings_in(reply: dict[str, Any]) -> dict[str, Any]:
    return {name: reply[name] for name in ("KmsKeyIdentifier", *SETTINGS) if name in reply}


def test_the_settings_of_a_bus(client: Client, events: Any) -> None:
    name = f"bus-{uuid4().hex[:8]}"
    settings = {**SETTINGS, "KmsKeyIdentifier": key_for(client("kms"), "events.amazonaws.com")}
    assert settings_in(events.create_event_bus(Name=name, **settings)) == settings
    assert settings_in(events.describe_event_bus(Name=name)) == settings
    (listed,) = events.list_event_buses(NamePrefix=name)["EventBuses"]
    assert settings_in(listed) == {"Description": "orders"}
    changed = events.update_event_bus(Name=name, Description="", LogConfig={"Level": "ERROR"})
    wanted = {
        "DeadLetterConfig": SETTINGS["DeadLetterConfig"],
        "LogConfig": {"Level": "ERROR", "IncludeDetail": "NONE"},
    }  # fmt: skip
    assert settings_in(changed) == settings_in(events.describe_event_bus(Name=name)) == wanted
    changed = events.update_event_bus(Name=name, DeadLetterConfig={}, LogConfig={"Level": "OFF"})
    assert settings_in(changed) == {"LogConfig": {"Level": "OFF", "IncludeDetail": "NONE"}}


def test_the_default_bus_has_settings_too(client: Client) -> None:
    events = client("events", account="400000000011")
    kms = client("kms", account="400000000011")
    key = key_for(kms, "events.amazonaws.com", account="400000000011")
    settings = {**SETTINGS, "KmsKeyIdentifier": key}
    events.update_event_bus(Name="default", **settings)
    assert settings_in(events.describe_event_bus()) == settings


def test_an_account_has_100_buses_at_most(client: Client) -> None:
    events = client("events", account="400000000012")
    for at in range(100):
        events.create_event_bus(Name=f"b{at}")
    assert code_and_status(events.create_event_bus, Name="b100") == ("LimitExceededException", 400)
    events.delete_event_bus(Name="b0")
    events.create_event_bus(Name="b100")


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("describe_event_bus", {"Name": "none"}),
        ("update_event_bus", {"Name": "none", "Description": "x"}),
        ("put_permission", {"EventBusName": "none", "Policy": '{"Statement": []}'}),
        ("remove_permission", {"EventBusName": "none", "StatementId": "s"}),
        ("list_tags_for_resource", {"ResourceARN": arn("none")}),
        ("tag_resource", {"ResourceARN": arn("none"), "Tags": [{"Key": "a", "Value": "b"}]}),
        ("untag_resource", {"ResourceARN": arn("none"), "TagKeys": ["a"]}),
        ("put_rule", {"Name": "r", "EventBusName": "none", "EventPattern": '{"source": ["a"]}'}),
        ("list_rules", {"EventBusName": "none"}),
        ("describe_rule", {"Name": "r", "EventBusName": "none"}),
        ("delete_rule", {"Name": "r", "EventBusName": "none"}),
        ("enable_rule", {"Name": "r", "EventBusName": "none"}),
        ("disable_rule", {"Name": "r", "EventBusName": "none"}),
        ("list_targets_by_rule", {"Rule": "r", "EventBusName": "none"}),
        ("remove_targets", {"Rule": "r", "EventBusName": "none", "Ids": ["a"]}),
        ("list_rule_names_by_target", {"TargetArn": arn("none"), "EventBusName": "none"}),
    ],
)
def test_a_bus_that_is_not_there(events: Any, operation: str, params: dict[str, Any]) -> None:
    code, status, message = refusal(getattr(events, operation), **params)
    assert (code, status, message) == ("ResourceNotFoundException", 400, "Event bus none does not exist.")


def test_a_bus_with_rules_is_not_deleted(events: Any, bus: str) -> None:
    events.put_rule(Name="r", EventBusName=bus, EventPattern='{"source": ["a"]}')
    code, status, message = refusal(events.delete_event_bus, Name=bus)
    assert (code, status) == ("ValidationException", 400)
    assert message == f"Event bus {bus} cannot be deleted since it has rules."
    events.delete_rule(Name="r", EventBusName=bus)
    events.delete_event_bus(Name=bus)
    assert code_and_status(events.describe_event_bus, Name=bus)[0] == "ResourceNotFoundException"


def test_buses_are_listed_by_page_the_default_one_first(client: Client) -> None:
    events = client("events", account="100000000001")
    names = [f"page-{at}" for at in range(4)]
    for name in reversed(names):
        events.create_event_bus(Name=name)
    listed: list[str] = []
    token: dict[str, str] = {}
    while True:
        reply = events.list_event_buses(Limit=2, **token)
        assert len(reply["EventBuses"]) <= 2
        listed += [one["Name"] for one in reply["EventBuses"]]
        if "NextToken" not in reply:
            break
        token = {"NextToken": reply["NextToken"]}
    assert listed == ["default", *names]
    found = events.list_event_buses(NamePrefix="page-2")["EventBuses"]
    assert [one["Name"] for one in found] == ["page-2"]
    assert code_and_status(events.list_event_buses, NextToken="made-up") == ("ValidationException", 400)
    there = client("events", account="100000000001", region="eu-west-1")
    assert [one["Name"] for one in there.list_event_buses()["EventBuses"]] == ["default"]


def test_permissions_are_the_policy_that_is_described(events: Any, bus: str) -> None:
    def policy() -> Any:
        return json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"]

    grant = {"EventBusName": bus, "Action": "events:PutEvents", "Principal": "111111111111"}
    events.put_permission(**grant, StatementId="one")
    organisation = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"}
    events.put_permission(**{**grant, "Principal": "*"}, StatementId="all", Condition=organisation)
    one, everyone = policy()
    assert one == {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "events:PutEvents",
        "Resource": arn(bus),
    }
    assert everyone["Principal"] == "*"
    assert everyone["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    events.put_permission(**{**grant, "Principal": "222222222222"}, StatementId="one")
    assert [one["Sid"] for one in policy()] == ["all", "one"]
    events.remove_permission(EventBusName=bus, StatementId="all")
    assert [one["Sid"] for one in policy()] == ["one"]
    missing = refusal(events.remove_permission, EventBusName=bus, StatementId="all")
    assert missing == (
        "ResourceNotFoundException", 400, "Statement with the provided id does not exist.",
    )  # fmt: skip
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=bus)
    assert refusal(events.remove_permission, EventBusName=bus, StatementId="one") == (
        "ResourceNotFoundException", 400, "EventBus does not have a policy.",
    )  # fmt: skip


def test_a_whole_policy_or_what_it_lacks(events: Any, bus: str) -> None:
    statement = {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "events:*", "Resource": arn(bus)}
    events.put_permission(EventBusName=bus, Policy=json.dumps({"Statement": statement}))
    assert json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"] == [statement]
    for params in (
        {"Action": "events:PutEvents", "Principal": "*"},
        {"Action": "events:Other", "Principal": "*", "StatementId": "x"},
        {
            "Action": "events:PutEvents",
            "Principal": "*",
            "StatementId": "x",
            "Condition": {"Type": "StringLike", "Key": "aws:PrincipalOrgID", "Value": "o-*"},
        },
        {
            "Action": "events:PutEvents",
            "Principal": "*",
            "StatementId": "x",
            "Condition": {"Type": "StringEquals", "Key": "events:source", "Value": "shop"},
        },
        {"Policy": '{"Statement": []}', "StatementId": "x"},
        {"Policy": "no json"},
        {"Policy": "[]"},
        {"Policy": '{"Statement": ["a"]}'},
        {"Policy": '{"Statement": [' + "[" * 2000},
        {"Policy": '{"Statement": ' + "[" * 800 + "]" * 800 + "}"},
        {"Policy": '{"Statement": [], "n": NaN}'},
    ):
        refused = code_and_status(events.put_permission, EventBusName=bus, **params)
        assert refused == ("ValidationException", 400), params
    assert json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"] == [statement]


def test_tags_of_buses_and_rules(events: Any, bus: str) -> None:
    rule = events.put_rule(
        Name="r", EventBusName=bus, EventPattern='{"source": ["a"]}', Tags=[{"Key": "made", "Value": "yes"}]
    )["RuleArn"]
    for resource in (arn(bus), rule, arn("default")):
        events.tag_resource(
            ResourceARN=resource, Tags=[{"Key": "made", "Value": "no"}, {"Key": "b", "Value": "2"}]
        )
        tags = {
            tag["Key"]: tag["Value"] for tag in events.list_tags_for_resource(ResourceARN=resource)["Tags"]
        }
        assert tags == {"made": "no", "b": "2"}
        events.untag_resource(ResourceARN=resource, TagKeys=["made", "b", "never"])
        assert events.list_tags_for_resource(ResourceARN=resource)["Tags"] == []
    missing = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{bus}/none"
    assert refusal(events.list_tags_for_resource, ResourceARN=missing) == (
        "ResourceNotFoundException", 400, f"Rule none does not exist on EventBus {bus}.",
    )  # fmt: skip
    for wrong in ("no-arn", f"arn:aws:events:us-east-1:{ACCOUNT}:archive/a"):
        refused = code_and_status(events.list_tags_for_resource, ResourceARN=wrong)
        assert refused == ("ValidationException", 400)


def test_tags_of_aws_are_not_the_callers_to_make(events: Any, bus: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-tagging.html"""
    own, ours = {"Key": "aws:cloudformation:stack-id", "Value": "v"}, {"Key": "awsome", "Value": "v"}
    for call, params in (
        (events.tag_resource, {"ResourceARN": arn(bus), "Tags": [ours, own]}),
        (events.untag_resource, {"ResourceARN": arn(bus), "TagKeys": [own["Key"]]}),
        (events.create_event_bus, {"Name": f"{bus}-own", "Tags": [own]}),
        (events.put_rule, {"Name": "own", "EventPattern": '{"source": ["a"]}', "Tags": [own]}),
    ):
        assert code_and_status(call, **params) == ("ValidationException", 400)
    events.tag_resource(ResourceARN=arn(bus), Tags=[ours])
    assert events.list_tags_for_resource(ResourceARN=arn(bus))["Tags"] == [ours]


def test_another_accounts_bus_has_no_tags_here(events: Any, bus: str) -> None:
    theirs = arn(bus).replace(ACCOUNT, "999999999999")
    code, _, message = refusal(events.list_tags_for_resource, ResourceARN=theirs)
    assert (code, theirs in message) == ("AccessDeniedException", True)
    pattern = '{"source": ["a"]}'
    refused = refusal(events.put_rule, Name="r", EventBusName=theirs, EventPattern=pattern)
    assert refused[:2] == ("AccessDeniedException", 400)
    assert events.list_rules(EventBusName=bus)["Rules"] == []
