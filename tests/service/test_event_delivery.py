"""What is put onto a bus reaches the targets of the rules that match, and what does not is explained."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from events_rig import admit_events
from waiting import wait_for


def put(events: Any, **changes: Any) -> dict[str, Any]:
    entry = {"Source": "shop", "DetailType": "Order", "Detail": '{"state": "created"}', **changes}
    reply: dict[str, Any] = events.put_events(Entries=[entry])
    return reply


def explained(node: Any, event_id: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{node.endpoint}/_nightbus/explain?event={event_id}") as reply:
        found: dict[str, Any] = json.load(reply)
    return found


def messages(logs: Any, group: str) -> list[str]:
    return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]


@pytest.fixture
def group(client: Callable[..., Any], request: pytest.FixtureRequest) -> str:
    name = f"/aws/events/{request.node.name}"[:100]
    client("logs").create_log_group(logGroupName=name)
    admit_events(client("logs"))
    return name


def group_arn(name: str) -> str:
    return f"arn:aws:logs:us-east-1:000000000000:log-group:{name}"


def test_an_event_reaches_a_log_group_as_it_was_put(
    client: Callable[..., Any], node: Any, group: str
) -> None:
    events = client("events")
    events.create_event_bus(Name="to-logs")
    events.put_rule(Name="all", EventBusName="to-logs", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="all", EventBusName="to-logs", Targets=[{"Id": "log", "Arn": group_arn(group)}])
    detail = '{"exact": 0.10000000000000001, "large": 123456789012345678901234567890, "text": "ünïcode"}'
    event_id = put(events, EventBusName="to-logs", Detail=detail)["Entries"][0]["EventId"]
    found = wait_for(lambda: messages(client("logs"), group))
    assert len(found) == 1
    assert json.loads(found[0])["id"] == event_id
    assert "123456789012345678901234567890" in found[0]
    told = explained(node, event_id)["rules"]
    assert [(rule["rule"], rule["matched"], rule["deliveries"][0]["outcome"]) for rule in told] == [
        ("all", True, "delivered")
    ]


def test_a_disabled_rule_delivers_nothing_and_says_so(
    client: Callable[..., Any], node: Any, group: str
) -> None:
    events = client("events")
    events.create_event_bus(Name="quiet")
    events.put_rule(Name="off", EventBusName="quiet", EventPattern='{"source": ["shop"]}', State="DISABLED")
    events.put_targets(Rule="off", EventBusName="quiet", Targets=[{"Id": "log", "Arn": group_arn(group)}])
    event_id = put(events, EventBusName="quiet")["Entries"][0]["EventId"]
    assert explained(node, event_id)["rules"] == [
        {"rule": "off", "matched": False, "why": "the rule is disabled"}
    ]
    events.enable_rule(Name="off", EventBusName="quiet")
    second = put(events, EventBusName="quiet")["Entries"][0]["EventId"]
    found = wait_for(lambda: messages(client("logs"), group))
    assert [json.loads(message)["id"] for message in found] == [second]


def test_one_bus_forwards_to_another_with_the_input_transformed(
    client: Callable[..., Any], group: str
) -> None:
    events = client("events")
    arn = events.create_event_bus(Name="second")["EventBusArn"]
    events.create_event_bus(Name="first")
    events.put_rule(Name="on", EventBusName="first", EventPattern='{"detail-type": ["Order"]}')
    events.put_targets(Rule="on", EventBusName="first", Targets=[{"Id": "bus", "Arn": arn}])
    events.put_rule(Name="out", EventBusName="second", EventPattern='{"source": ["shop"]}')
    transformer = {
        "InputPathsMap": {"state": "$.detail.state", "time": "$.time"},
        "InputTemplate": '{"timestamp": <time>, "message": "the order is <state>"}',
    }
    target = {"Id": "log", "Arn": group_arn(group), "InputTransformer": transformer}
    events.put_targets(Rule="out", EventBusName="second", Targets=[target])
    put(events, EventBusName="first")
    assert wait_for(lambda: messages(client("logs"), group)) == ["the order is created"]


def test_entries_fail_one_by_one(client: Callable[..., Any]) -> None:
    good = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
    reply = client("events").put_events(
        Entries=[good, {**good, "Detail": "not json"}, {"Source": "shop", "Detail": "{}"}, good]
    )
    assert reply["FailedEntryCount"] == 2
    assert [sorted(entry) for entry in reply["Entries"]] == [
        ["EventId"], ["ErrorCode", "ErrorMessage"], ["ErrorCode", "ErrorMessage"], ["EventId"],
    ]  # fmt: skip
    assert reply["Entries"][1]["ErrorCode"] == "MalformedDetail"


def test_a_bus_that_does_not_exist_swallows_events_as_on_aws(client: Callable[..., Any]) -> None:
    assert put(client("events"), EventBusName="no-such-bus")["FailedEntryCount"] == 0


def test_too_many_and_too_large(client: Callable[..., Any]) -> None:
    events = client("events")
    entry = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
    with pytest.raises(ClientError, match="Member must have length less than or equal to 10"):
        events.put_events(Entries=[entry] * 11)
    large = json.dumps({"x": "y" * 600_000})
    with pytest.raises(ClientError, match="Total size of the entries in the request is over the limit"):
        events.put_events(Entries=[{**entry, "Detail": large}] * 2)


IN_A_VPC = {
    "Name": "c",
    "AuthorizationType": "API_KEY",
    "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "k", "ApiKeyValue": "v"}},
    "InvocationConnectivityParameters": {
        "ResourceParameters": {
            "ResourceConfigurationArn": "arn:aws:vpc-lattice:us-east-1:000000000000:"
            "resourceconfiguration/rcfg-0123456789abcdef0"
        }
    },
}


@pytest.mark.parametrize(
    ("call", "parameters", "code", "message"),
    [
        ("put_rule", {"Name": "r"}, "ValidationException", "EventPattern or ScheduleExpression must be specified"),
        ("put_rule", {"Name": "r", "EventPattern": "{"}, "InvalidEventPatternException", "is not valid"),
        ("put_rule", {"Name": "r", "EventPattern": '{"a": [{"near": "x"}]}'}, "InvalidEventPatternException", "near"),
        ("put_rule", {"Name": "r", "ScheduleExpression": "rate(1 days)"}, "ValidationException", "ScheduleExpr"),
        ("put_rule", {"Name": "a b", "EventPattern": '{"a": [1]}'}, "ValidationException", "regular expression"),
        ("describe_rule", {"Name": "none"}, "ResourceNotFoundException", "Rule none does not exist on EventBus"),
        ("list_rules", {"EventBusName": "none"}, "ResourceNotFoundException", "Event bus none does not exist."),
        ("list_rules", {"NextToken": "forged"}, "ValidationException", "NextToken"),
        ("delete_event_bus", {"Name": "default"}, "ValidationException", "Cannot delete event bus default."),
        ("put_targets", {"Rule": "none", "Targets": [{"Id": "1", "Arn": "x"}]}, "ResourceNotFoundException", "none"),
        ("test_event_pattern", {"EventPattern": '{"a": [1]}', "Event": "[]"}, "ValidationException", "Parameter"),
        ("create_connection", IN_A_VPC, "NotImplementedException", "InvocationConnectivityParameters is not"),
    ],
)  # fmt: skip
def test_mistakes_get_the_words_of_aws(
    client: Callable[..., Any], call: str, parameters: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as failed:
        getattr(client("events"), call)(**parameters)
    assert failed.value.response["Error"]["Code"] == code
    assert message in failed.value.response["Error"]["Message"]


def test_targets_that_cannot_be_delivered_to_are_refused(client: Callable[..., Any]) -> None:
    events = client("events")
    events.put_rule(Name="refusing", EventPattern='{"source": ["shop"]}')
    queue = {"Id": "q", "Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"}
    with pytest.raises(ClientError, match="arn:aws:kinesis"):
        events.put_targets(Rule="refusing", Targets=[queue])
    letter = {"Id": "l", "Arn": group_arn("x"), "DeadLetterConfig": {"Arn": queue["Arn"]}}
    with pytest.raises(ClientError, match="kinesis is not supported as a dead letter resource"):
        events.put_targets(Rule="refusing", Targets=[letter])
    assert events.list_targets_by_rule(Rule="refusing")["Targets"] == []
    with pytest.raises(ClientError, match="LimitExceeded"):
        targets = [{"Id": str(at), "Arn": group_arn("x")} for at in range(6)]
        events.put_targets(Rule="refusing", Targets=targets)


def test_rules_have_a_life(client: Callable[..., Any]) -> None:
    events = client("events", region="eu-west-1")
    arn = events.put_rule(Name="life", EventPattern='{"source": ["a"]}', Tags=[{"Key": "k", "Value": "v"}])[
        "RuleArn"
    ]
    assert arn == "arn:aws:events:eu-west-1:000000000000:rule/life"
    log = {"Id": "log", "Arn": "arn:aws:logs:eu-west-1:000000000000:log-group:x"}
    events.put_targets(Rule="life", Targets=[log])
    assert events.list_rule_names_by_target(TargetArn=log["Arn"])["RuleNames"] == ["life"]
    with pytest.raises(ClientError, match="Rule can't be deleted since it has targets"):
        events.delete_rule(Name="life")
    gone = events.remove_targets(Rule="life", Ids=["log", "other"])
    assert [entry["TargetId"] for entry in gone["FailedEntries"]] == ["other"]
    events.untag_resource(ResourceARN=arn, TagKeys=["k"])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
    assert client("events").list_rules(NamePrefix="life")["Rules"] == []
    events.delete_rule(Name="life")
    events.delete_rule(Name="life")
    assert events.list_rules(NamePrefix="life")["Rules"] == []


def test_pages_hold_what_was_asked_and_all_together_everything(client: Callable[..., Any]) -> None:
    events = client("events", account="222222222222")
    for at in range(7):
        events.put_rule(Name=f"page-{at}", EventPattern='{"source": ["a"]}')
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = events.list_rules(Limit=3, **token)
        assert len(page["Rules"]) <= 3
        seen += [rule["Name"] for rule in page["Rules"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == [f"page-{at}" for at in range(7)]


def test_the_policy_of_a_bus(client: Callable[..., Any]) -> None:
    events = client("events")
    events.create_event_bus(Name="shared")
    events.put_permission(
        EventBusName="shared", Action="events:PutEvents", Principal="111111111111", StatementId="one"
    )
    policy = json.loads(events.describe_event_bus(Name="shared")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    with pytest.raises(ClientError, match="Statement with the provided id does not exist"):
        events.remove_permission(EventBusName="shared", StatementId="two")
    events.remove_permission(EventBusName="shared", StatementId="one")
    assert "Policy" not in events.describe_event_bus(Name="shared")
