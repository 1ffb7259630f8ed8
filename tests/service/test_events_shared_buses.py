"""EventBridge by boto3: rules that one account has on the bus of another, as the bus's policy allows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from events_rig import ACCOUNT, GOOD, put
from waiting import wait_for

Client = Callable[..., Any]
OWNER = "600000000011"
ACTIONS = (
    "PutRule",
    "DeleteRule",
    "DescribeRule",
    "DisableRule",
    "EnableRule",
    "PutTargets",
    "RemoveTargets",
)
CREATOR = {
    "StringEqualsIfExists": {"events:creatorAccount": "${aws:PrincipalAccount}", "events:source": "shop"}
}
PATTERN = '{"source": ["shop"]}'
Statement = dict[str, Any]


@pytest.fixture
def name() -> str:
    return f"bus-{uuid4().hex[:8]}"


@pytest.fixture
def owner(client: Client) -> Any:
    return client("events", account=OWNER)


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


def allow(name: str, *actions: str, **more: Any) -> Statement:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": [f"events:{action}" for action in actions or (*ACTIONS, "ListTargetsByRule")],
        "Resource": f"arn:aws:events:us-east-1:{OWNER}:rule/{name}/*",
        **more,
    }


def share(owner: Any, name: str, *statements: Statement) -> str:
    arn: str = owner.create_event_bus(Name=name)["EventBusArn"]
    if statements:
        owner.put_permission(EventBusName=name, Policy=json.dumps({"Statement": statements}))
    return arn


def queue(client: Client, name: str) -> tuple[str, Callable[[], Any]]:
    """A queue's ARN, and what it gets next."""
    sqs = client("sqs")
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": "*",
    }  # fmt: skip
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps({"Statement": [statement]})})[
        "QueueUrl"
    ]

    def next_one() -> Any:
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages")
        return found and json.loads(found[0]["Body"])

    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}", next_one


def test_a_rule_on_another_accounts_bus_from_its_creation_to_its_end(
    client: Client, owner: Any, events: Any, name: str
) -> None:
    arn = share(owner, name, allow(name, Condition=CREATOR), allow(name, "ListTargetsByRule"))
    target, arrived = queue(client, name)
    made = events.put_rule(Name="theirs", EventBusName=arn, EventPattern=PATTERN)
    assert made["RuleArn"] == f"arn:aws:events:us-east-1:{OWNER}:rule/{name}/theirs"
    events.put_targets(Rule="theirs", EventBusName=arn, Targets=[{"Id": "q", "Arn": target}])
    put(owner, {**GOOD, "EventBusName": name})
    assert wait_for(arrived)["account"] == OWNER

    for described in (
        events.describe_rule(Name="theirs", EventBusName=arn),
        owner.describe_rule(Name="theirs", EventBusName=name),
    ):
        assert (described["Arn"], described["CreatedBy"]) == (made["RuleArn"], ACCOUNT)
    assert [one["Name"] for one in owner.list_rules(EventBusName=name)["Rules"]] == ["theirs"]
    (listed,) = events.list_targets_by_rule(Rule="theirs", EventBusName=arn)["Targets"]
    assert listed["Arn"] == target
    events.disable_rule(Name="theirs", EventBusName=arn)
    assert owner.describe_rule(Name="theirs", EventBusName=name)["State"] == "DISABLED"
    events.enable_rule(Name="theirs", EventBusName=arn)
    events.remove_targets(Rule="theirs", EventBusName=arn, Ids=["q"])
    events.delete_rule(Name="theirs", EventBusName=arn)
    assert owner.list_rules(EventBusName=name)["Rules"] == []


def test_only_who_made_a_rule_may_change_it_where_the_policy_says_so(
    owner: Any, events: Any, name: str
) -> None:
    arn = share(owner, name, allow(name, Condition=CREATOR))
    owner.put_rule(Name="own", EventBusName=name, EventPattern=PATTERN)
    target = {"Id": "t", "Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"}
    for call, params in (
        (events.put_rule, {"Name": "own", "EventPattern": PATTERN}),
        (events.describe_rule, {"Name": "own"}),
        (events.disable_rule, {"Name": "own"}),
        (events.enable_rule, {"Name": "own"}),
        (events.delete_rule, {"Name": "own"}),
        (events.put_targets, {"Rule": "own", "Targets": [target]}),
        (events.remove_targets, {"Rule": "own", "Ids": ["t"]}),
    ):
        code, status, message = refusal(call, **params, EventBusName=arn)
        assert (code, status) == ("AccessDeniedException", 400)
        assert message == (
            f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: "
            f"events:{call.__name__.title().replace('_', '')} on resource: "
            f"arn:aws:events:us-east-1:{OWNER}:rule/{name}/own "
            f"because no resource-based policy allows the events:{call.__name__.title().replace('_', '')} action"
        )
    assert owner.describe_rule(Name="own", EventBusName=name)["State"] == "ENABLED"


# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
ONE = {"StringEquals": {"events:source": "shop"}}
EITHER = {"StringEquals": {"events:source": ["shop", "store"]}}
BOTH = {"StringEquals": {"events:source": "shop", "events:detail-type": "order"}}
NAMED = {"Null": {"events:source": "false"}}
EVERY = {"ForAllValues:StringEquals": {"events:source": ["shop", "store"]}, **NAMED}


@pytest.mark.parametrize(
    ("condition", "pattern", "allowed"),
    [
        (ONE, {"source": ["shop"]}, True),
        (ONE, {"source": ["shop", "store"]}, False),
        (ONE, {"source": ["shop"], "detail-type": ["order"]}, True),
        (ONE, {"detail-type": ["order"]}, False),
        (ONE, {"source": [{"prefix": "shop"}]}, False),
        (ONE, {"$or": [{"source": ["shop"]}, {"detail-type": ["order"]}]}, False),
        (EITHER, {"source": ["shop"]}, True),
        (EITHER, {"source": ["store"]}, True),
        (EITHER, {"source": ["bank"]}, False),
        (EITHER, {"source": ["shop", "store"]}, False),
        (EITHER, {"detail-type": ["order"]}, False),
        (BOTH, {"source": ["shop"]}, False),
        (BOTH, {"source": ["shop"], "detail-type": ["order"]}, True),
        (BOTH, {"source": ["shop"], "detail-type": ["invoice"]}, False),
        (NAMED, {"source": ["shop", "bank"]}, True),
        (NAMED, {"detail-type": ["order"]}, False),
        (EVERY, {"source": ["shop"]}, True),
        (EVERY, {"source": ["shop", "store"]}, True),
        (EVERY, {"source": ["shop", "bank"]}, False),
        (EVERY, {"detail-type": ["order"]}, False),
    ],
)
def test_the_policy_may_limit_what_rules_match(
    owner: Any, events: Any, name: str, condition: dict[str, Any], pattern: dict[str, Any], allowed: bool
) -> None:
    arn = share(owner, name, allow(name, "PutRule", Condition=condition))
    rule = {"Name": "r", "EventBusName": arn, "EventPattern": json.dumps(pattern)}
    if allowed:
        events.put_rule(**rule)
    else:
        assert code_and_status(events.put_rule, **rule) == ("AccessDeniedException", 400)
    assert len(owner.list_rules(EventBusName=name)["Rules"]) == allowed


def test_the_policy_may_limit_targets(owner: Any, events: Any, name: str) -> None:
    functions = {"ForAllValues:ArnLike": {"events:TargetArn": "arn:aws:lambda:*:*:function:*"}}
    arn = share(owner, name, allow(name, "PutRule"), allow(name, "PutTargets", Condition=functions))
    events.put_rule(Name="r", EventBusName=arn, EventPattern=PATTERN)
    function = {"Id": "f", "Arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"}
    other = {"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"}
    refused = code_and_status(events.put_targets, Rule="r", EventBusName=arn, Targets=[function, other])
    assert refused == ("AccessDeniedException", 400)
    assert events.put_targets(Rule="r", EventBusName=arn, Targets=[function])["FailedEntryCount"] == 0


def test_without_a_policy_nothing_is_told_of_another_accounts_bus(owner: Any, events: Any, name: str) -> None:
    there = share(owner, name)
    nowhere = there.replace(name, f"{name}-2")
    for arn in (there, nowhere):
        for call, params in (
            (events.put_rule, {"Name": "r", "EventPattern": PATTERN}),
            (events.describe_rule, {"Name": "r"}),
            (events.list_targets_by_rule, {"Rule": "r"}),
        ):
            assert code_and_status(call, **params, EventBusName=arn) == ("AccessDeniedException", 400)
        assert code_and_status(events.list_rules, EventBusName=arn) == ("ResourceNotFoundException", 400)


def test_the_owner_may_all_that_is_not_denied(owner: Any, name: str) -> None:
    deny = {**allow(name, "DeleteRule"), "Effect": "Deny", "Principal": "*"}
    arn = share(owner, name, deny)
    owner.put_rule(Name="r", EventBusName=arn, EventPattern=PATTERN)
    code, status, message = refusal(owner.delete_rule, Name="r", EventBusName=name)
    assert (code, status) == ("AccessDeniedException", 400)
    assert message.endswith("with an explicit deny in a resource-based policy")
    owner.put_permission(EventBusName=name, Policy=json.dumps({"Statement": [allow(name)]}))
    owner.delete_rule(Name="r", EventBusName=name)


def test_a_bus_of_another_region_is_reached_by_its_arn(client: Client, owner: Any, name: str) -> None:
    arn = share(client("events", account=OWNER, region="eu-west-1"), name)
    made = owner.put_rule(Name="r", EventBusName=arn, EventPattern=PATTERN)
    assert made["RuleArn"] == f"arn:aws:events:eu-west-1:{OWNER}:rule/{name}/r"
    assert owner.describe_rule(Name="r", EventBusName=arn)["EventBusName"] == name
    assert code_and_status(owner.describe_rule, Name="r", EventBusName=name)[0] == "ResourceNotFoundException"


def test_schedules_are_for_default_buses_of_whatever_account(owner: Any, events: Any) -> None:
    arn = f"arn:aws:events:us-east-1:{OWNER}:event-bus/default"
    statement = {**allow("", "PutRule", "DeleteRule"), "Resource": f"arn:aws:events:us-east-1:{OWNER}:rule/*"}
    owner.put_permission(Policy=json.dumps({"Statement": [statement]}))
    made = events.put_rule(Name="tick", EventBusName=arn, ScheduleExpression="rate(1 day)")
    assert made["RuleArn"] == f"arn:aws:events:us-east-1:{OWNER}:rule/tick"
    assert owner.describe_rule(Name="tick")["CreatedBy"] == ACCOUNT
    events.delete_rule(Name="tick", EventBusName=arn)
