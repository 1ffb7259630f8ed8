"""EventBridge by boto3: rules and their targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal

Client = Callable[..., Any]
ACCOUNT = "600000000013"  # of its own: there is a quota of buses
PATTERN = '{"source": ["shop"]}'
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/events/all"
FIFO = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q.fifo"
NO_LOG_EVENT = "Input for target f is not a valid JSON text."
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events", account=ACCOUNT)


@pytest.fixture
def bus(events: Any) -> str:
    name = f"bus-{uuid4().hex[:8]}"
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def rule(events: Any, bus: str) -> dict[str, str]:
    """The parameters that name a rule of a bus of its own."""
    events.put_rule(Name="r", EventBusName=bus, EventPattern=PATTERN)
    return {"Rule": "r", "EventBusName": bus}


def pages(call: Callable[..., Any], member: str, limit: int, **params: Any) -> list[Any]:
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        reply = call(Limit=limit, **params, **token)
        assert len(reply[member]) <= limit
        found += reply[member]
        if "NextToken" not in reply:
            return found
        token = {"NextToken": reply["NextToken"]}


def test_a_rule_from_its_creation_to_its_end(events: Any, bus: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    made = events.put_rule(
        Name="r", EventBusName=bus, EventPattern=PATTERN, Description="orders", RoleArn=role, State="DISABLED"
    )
    arn = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{bus}/r"
    assert made["RuleArn"] == arn
    shown = events.describe_rule(Name="r", EventBusName=bus)
    shown.pop("ResponseMetadata")
    listed = {
        "Name": "r",
        "Arn": arn,
        "EventPattern": PATTERN,
        "State": "DISABLED",
        "Description": "orders",
        "RoleArn": role,
        "EventBusName": bus,
    }
    assert shown == {**listed, "CreatedBy": ACCOUNT}
    assert events.list_rules(EventBusName=bus)["Rules"] == [listed]
    events.enable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "ENABLED"
    events.disable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "DISABLED"
    events.delete_rule(Name="r", EventBusName=bus)
    events.delete_rule(Name="r", EventBusName=bus)  # as on AWS, no error
    gone = ("ResourceNotFoundException", 400, f"Rule r does not exist on EventBus {bus}.")
    for call in (events.describe_rule, events.enable_rule, events.disable_rule):
        assert refusal(call, Name="r", EventBusName=bus) == gone


def test_the_state_for_read_only_management_events_is_one_that_is_enabled(events: Any, bus: str) -> None:
    state = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    events.put_rule(Name="r", EventBusName=bus, EventPattern=PATTERN, State=state)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == state
    assert events.list_rules(EventBusName=bus)["Rules"][0]["State"] == state


def test_a_target_that_is_another_accounts_bus_gets_events_whole_and_keeps_its_role(
    events: Any, rule: dict[str, str]
) -> None:
    theirs = BUS.replace(ACCOUNT, "999999999999")
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    for choice in (
        {"Input": "{}"},
        {"InputPath": "$.detail"},
        {"InputTransformer": {"InputTemplate": '"x"'}},
    ):
        refused = code_and_status(events.put_targets, **rule, Targets=[{"Id": "b", "Arn": theirs, **choice}])
        assert refused == ("ValidationException", 400)
        events.put_targets(**rule, Targets=[{"Id": "own", "Arn": BUS, **choice}])
    events.put_targets(**rule, Targets=[{"Id": "b", "Arn": theirs, "RoleArn": role}])
    events.put_targets(**rule, Targets=[{"Id": "b", "Arn": theirs}])
    kept = {"Id": "b", "Arn": theirs, "RoleArn": role}
    assert kept in events.list_targets_by_rule(**rule)["Targets"]
    other = theirs.replace("default", "other")
    events.put_targets(**rule, Targets=[{"Id": "b", "Arn": other}])
    assert {"Id": "b", "Arn": other} in events.list_targets_by_rule(**rule)["Targets"]


def test_a_rule_of_the_default_bus_has_no_bus_in_its_arn(events: Any) -> None:
    name = f"rule-{uuid4().hex[:8]}"
    made = events.put_rule(Name=name, EventPattern=PATTERN)
    assert made["RuleArn"] == f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{name}"
    assert events.describe_rule(Name=name, EventBusName=BUS)["EventBusName"] == "default"


def test_a_rule_that_is_put_again_is_another_with_the_same_targets_and_tags(
    events: Any, rule: dict[str, str], bus: str
) -> None:
    events.put_targets(**rule, Targets=[{"Id": "f", "Arn": FUNCTION}])
    tags = [{"Key": "a", "Value": "1"}]
    arn = events.put_rule(Name="r", EventBusName=bus, EventPattern=PATTERN, Description="first", Tags=tags)[
        "RuleArn"
    ]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == []  # as on AWS, an old rule's stay
    events.put_rule(Name="r", EventBusName=bus, EventPattern='{"source": ["other"]}')
    shown = events.describe_rule(Name="r", EventBusName=bus)
    assert (shown["EventPattern"], "Description" in shown) == ('{"source": ["other"]}', False)
    assert events.list_targets_by_rule(**rule)["Targets"] == [{"Id": "f", "Arn": FUNCTION}]


@pytest.mark.parametrize(
    "pattern",
    [
        "no json",
        "[]",
        "{}",
        '{"source": "shop"}',
        '{"source": []}',
        '{"source": [{"prefix": 1}]}',
        '{"detail": {"n": [{"numeric": ["<", "5"]}]}}',
    ],
)
def test_a_pattern_that_is_none_is_refused(events: Any, bus: str, pattern: str) -> None:
    refused = code_and_status(events.put_rule, Name="r", EventBusName=bus, EventPattern=pattern)
    assert refused == ("InvalidEventPatternException", 400)
    assert events.list_rules(EventBusName=bus)["Rules"] == []


def test_an_operator_that_is_not_supported_is_named(events: Any, bus: str) -> None:
    pattern = '{"source": [{"sounds-like": "shop"}]}'
    code, status, message = refusal(events.put_rule, Name="r", EventBusName=bus, EventPattern=pattern)
    assert (code, status) == ("InvalidEventPatternException", 400)
    assert "sounds-like" in message
    code, status, message = refusal(events.put_rule, Name="r", EventBusName=bus)
    assert (code, status) == ("ValidationException", 400)
    assert message == "Parameter(s) EventPattern or ScheduleExpression must be specified."


@pytest.mark.parametrize("name", ["a b", "a/b", "a|b", "x" * 65])
def test_a_rules_name_is_checked(events: Any, bus: str, name: str) -> None:
    refused = code_and_status(events.put_rule, Name=name, EventBusName=bus, EventPattern=PATTERN)
    assert refused == ("ValidationException", 400)


def test_rules_are_listed_by_page_and_prefix(events: Any, bus: str) -> None:
    names = ["b-1", "a-1", "a-3", "a-2"]
    for name in names:
        events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)
    listed = pages(events.list_rules, "Rules", 3, EventBusName=bus)
    assert [one["Name"] for one in listed] == sorted(names)
    listed = pages(events.list_rules, "Rules", 1, EventBusName=bus, NamePrefix="a-")
    assert [one["Name"] for one in listed] == ["a-1", "a-2", "a-3"]
    refused = code_and_status(events.list_rules, EventBusName=bus, NextToken="made-up")
    assert refused == ("ValidationException", 400)
    assert code_and_status(events.list_rules, EventBusName=bus, Limit=101) == ("ValidationException", 400)


def test_targets_are_put_replaced_and_removed(events: Any, rule: dict[str, str]) -> None:
    whole = {
        "Id": "f",
        "Arn": FUNCTION,
        "InputTransformer": {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"n": <n>}'},
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
    }
    reply = events.put_targets(**rule, Targets=[whole, {"Id": "b", "Arn": BUS}])
    assert (reply["FailedEntryCount"], reply["FailedEntries"]) == (0, [])
    replaced = {"Id": "b", "Arn": FIFO, "InputPath": "$.detail", "SqsParameters": {"MessageGroupId": "g"}}
    events.put_targets(**rule, Targets=[replaced])
    assert events.list_targets_by_rule(**rule)["Targets"] == [replaced, whole]
    assert refusal(events.delete_rule, Name="r", EventBusName=rule["EventBusName"]) == (
        "ValidationException", 400, "Rule can't be deleted since it has targets.",
    )  # fmt: skip
    reply = events.remove_targets(**rule, Ids=["b", "never"])
    (failed,) = reply["FailedEntries"]
    assert (reply["FailedEntryCount"], failed["TargetId"]) == (1, "never")
    assert failed["ErrorCode"] == "ResourceNotFoundException"
    assert events.list_targets_by_rule(**rule)["Targets"] == [whole]


def test_a_rule_that_is_not_there_has_no_targets(events: Any, bus: str) -> None:
    gone = ("ResourceNotFoundException", 400, f"Rule none does not exist on EventBus {bus}.")
    there = {"Rule": "none", "EventBusName": bus}
    assert refusal(events.put_targets, **there, Targets=[{"Id": "f", "Arn": FUNCTION}]) == gone
    assert refusal(events.remove_targets, **there, Ids=["f"]) == gone
    assert refusal(events.list_targets_by_rule, **there) == gone


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"Arn": "no arn at all"}, "ValidationException", "not in correct format"),
        (
            {"Arn": "arn:aws:states:us-east-1:600000000013:stateMachine:s"},
            "NotImplementedException",
            "states",
        ),
        (
            {"EcsParameters": {"TaskDefinitionArn": "t"}},
            "ValidationException",
            "Parameter(s) EcsParameters not supported for target: f.",
        ),
        ({"Arn": FIFO}, "ValidationException", "Parameter(s) SqsParameters must be specified for target: f."),
        ({"Arn": GROUP, "InputPath": "$"}, "ValidationException", NO_LOG_EVENT),
        ({"Arn": GROUP, "Input": '{"timestamp": 1, "message": ""}'}, "ValidationException", NO_LOG_EVENT),
        ({"Arn": GROUP, "InputTransformer": {"InputTemplate": '"a"'}}, "ValidationException", NO_LOG_EVENT),
        (
            {"Arn": GROUP, "InputTransformer": {"InputTemplate": '"a" "b"'}},
            "ValidationException",
            NO_LOG_EVENT,
        ),
        (
            {"Arn": GROUP, "InputTransformer": {"InputTemplate": '{"message": ""}'}},
            "ValidationException",
            NO_LOG_EVENT,
        ),
        (
            {"DeadLetterConfig": {"Arn": "arn:aws:sns:us-east-1:000000000000:t"}},
            "ValidationException",
            "sns is not supported as a dead letter resource",
        ),
        (
            {"DeadLetterConfig": {"Arn": FIFO}},
            "ValidationException",
            "SQS FIFO is not supported by Dead Letter Queues",
        ),
        (
            {"DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:000000000000:q"}},
            "ValidationException",
            "DeadLetterConfig",
        ),
        ({"Id": "good"}, "ValidationException", "Reason: More than one target with Id 'good' is provided."),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {f"v{n}": "$" for n in range(101)},
                    "InputTemplate": '""',
                }
            },
            "ValidationException",
            "less than or equal to 100",
        ),
        (
            {"InputTransformer": {"InputPathsMap": {"aws.events.rule-name": "$.id"}, "InputTemplate": '""'}},
            "ValidationException",
            "Value '{aws.events.rule-name=$.id}' at 'targets.2.member.inputTransformer.inputPathsMap' failed to "
            "satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
            "[A-Za-z0-9\\_\\-]+]",
        ),
        ({"InputTransformer": {"InputTemplate": f'"{"x" * 8191}"'}}, "ValidationException", "8192"),
        ({"Input": "{"}, "ValidationException", "JSON syntax error in input for target f"),
        ({"InputPath": "detail"}, "ValidationException", "InputPath for target f is invalid"),
        ({"Input": "{}", "InputPath": "$.detail"}, "ValidationException", "Only one of Input"),
        ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "ValidationException", "186"),
        ({"RetryPolicy": {"MaximumEventAgeInSeconds": 86401}}, "ValidationException", "86401"),
        ({"Id": "a b"}, "ValidationException", "a b"),
    ],
)
def test_a_target_that_is_refused_changes_nothing(
    events: Any, rule: dict[str, str], more: dict[str, Any], code: str, named: str
) -> None:
    good = {"Id": "good", "Arn": FUNCTION}
    refused, status, message = refusal(
        events.put_targets, **rule, Targets=[good, {"Id": "f", "Arn": FUNCTION, **more}]
    )
    assert (refused, status) == (code, 501 if code == "NotImplementedException" else 400)
    assert named in message
    assert events.list_targets_by_rule(**rule)["Targets"] == []


def test_a_rule_has_five_targets_at_most(events: Any, rule: dict[str, str]) -> None:
    five = [{"Id": f"t{at}", "Arn": FUNCTION} for at in range(5)]
    events.put_targets(**rule, Targets=five)
    sixth = [{"Id": "t5", "Arn": FUNCTION}]
    assert code_and_status(events.put_targets, **rule, Targets=sixth) == ("LimitExceededException", 400)
    assert pages(events.list_targets_by_rule, "Targets", 2, **rule) == five
    refused = code_and_status(events.list_targets_by_rule, **rule, NextToken="made-up")
    assert refused == ("ValidationException", 400)


def test_the_rules_of_a_target_are_found(events: Any, bus: str) -> None:
    for name in ("c", "a", "b"):
        events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)
        target = FUNCTION if name != "b" else GROUP
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "t", "Arn": target}])
    find = events.list_rule_names_by_target
    assert pages(find, "RuleNames", 1, TargetArn=FUNCTION, EventBusName=bus) == ["a", "c"]
    assert find(TargetArn=BUS, EventBusName=bus)["RuleNames"] == []
    refused = code_and_status(find, TargetArn=FUNCTION, EventBusName=bus, NextToken="made-up")
    assert refused == ("ValidationException", 400)


def test_a_bus_has_300_rules_at_most(client: Client) -> None:
    events = client("events", account="100000000002")
    for at in range(300):
        events.put_rule(Name=f"r{at}", EventPattern=PATTERN)
    over = code_and_status(events.put_rule, Name="r300", EventPattern=PATTERN)
    assert over == ("LimitExceededException", 400)
    events.put_rule(Name="r299", EventPattern=PATTERN, Description="one that is there may change")
    assert len(pages(events.list_rules, "Rules", 100)) == 300


def test_a_service_that_is_not_here_wants_a_setting(events: Any, rule: dict[str, str]) -> None:
    target = {
        "Id": "t",
        "Arn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/r",
    }
    code, status, message = refusal(events.put_targets, **rule, Targets=[target])
    assert (code, status) == ("NotImplementedException", 501)
    assert "--forward states=URL" in message and "NIGHTBUS_FORWARD" in message
    assert events.list_targets_by_rule(**rule)["Targets"] == []
