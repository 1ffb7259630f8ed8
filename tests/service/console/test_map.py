"""Tests the graph of what is deployed, and the traffic on its edges."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import shop_stack
from console_api import ApiError, ConsoleApi
from nodes import RunningNode
from shop_stack import BUS, DEAD, DEAD_OF_WORK, FUNCTION, RULE, WORK, arn
from waiting import wait_for

TOPIC = arn("sns", "shop-news")


def graph(api: ConsoleApi) -> tuple[dict[str, dict[str, Any]], set[tuple[str, str, str]]]:
    found = api.get("/map")
    nodes = {one["id"]: one for one in found["nodes"]}
    return nodes, {(one["from"], one["kind"], one["to"]) for one in found["edges"]}


def edge(source: str, kind: str, target: str) -> str:
    return f"{source} {kind} {target}"


def test_what_a_stack_deployed(shop: ConsoleApi) -> None:
    nodes, edges = graph(shop)
    assert {
        (BUS, "matches", RULE),
        (RULE, "invokes", FUNCTION),
        (FUNCTION, "dead-letters", DEAD),
        (WORK, "polls", FUNCTION),
        (WORK, "dead-letters", DEAD_OF_WORK),
        (TOPIC, "notifies", WORK),
        (BUS, "archives", arn("events", "archive/shop")),
        (arn("events", "rule/nightly"), "delivers", WORK),
    } <= edges
    kinds = {(one["kind"], one["name"]) for one in nodes.values() if one["stack"] == "shop"}
    assert kinds == {
        ("bus", "shop"),
        ("rule", "orders"),
        ("schedule", "nightly"),
        ("function", "shop-orders"),
        ("queue", "shop-work"),
        ("queue", "shop-dead"),
        ("queue", "shop-dead-work"),
        ("topic", "shop-news"),
        ("archive", "shop"),
    }
    schedule = nodes[arn("events", "rule/nightly")]
    assert (schedule["state"], schedule["detail"]) == ("disabled", "rate(1 day)")
    assert nodes[FUNCTION]["state"] == "Active"
    assert shop.get("/map")["stacks"] == ["shop"]


def test_traffic_of_an_order_and_who_published(shop: ConsoleApi, put: Callable[..., str]) -> None:
    shop.get("/traffic")
    put(publish=True)
    names = [
        edge("producer:shop.orders", "publishes", BUS),
        edge(BUS, "matches", RULE),
        edge(RULE, "invokes", FUNCTION),
        edge(FUNCTION, "publishes", BUS),
    ]

    def seen() -> Any:
        told = shop.get("/traffic", seconds=300)
        return told if set(names) <= set(told["edges"]) and FUNCTION in told["nodes"] else None

    told = wait_for(seen)
    for name in names:
        flow = told["edges"][name]
        assert flow["count"] >= 1
        assert flow["rate"] == round(flow["count"] / 300, 3)
        assert 0 < flow["last"] <= told["time"]
    nodes, edges = graph(shop)
    assert nodes["producer:shop.orders"]["kind"] == "producer"
    assert (FUNCTION, "publishes", BUS) in edges
    assert "producer:shop.invoices" not in nodes


def test_what_fails_is_red(shop: ConsoleApi, put: Callable[..., str]) -> None:
    event_id = put(fail=True)
    wait_for(
        lambda: [
            one for one in shop.get("/queues/shop-dead/messages")["messages"] if one["event_id"] == event_id
        ]
    )

    def errors() -> int:
        flow = shop.get("/traffic", seconds=300)["edges"].get(edge(RULE, "invokes", FUNCTION), {})
        return int(flow.get("errors", 0))

    assert wait_for(errors) >= 1
    nodes, _ = graph(shop)
    assert "invocations failed" in nodes[FUNCTION]["failing"]
    assert nodes[DEAD]["failing"].endswith("dead letter") or nodes[DEAD]["failing"].endswith("dead letters")
    shop.empty("shop-dead")
    nodes, _ = graph(shop)
    assert nodes[DEAD]["failing"] == ""


def test_a_change_is_on_the_map_at_once(api: Callable[..., ConsoleApi], api_node: RunningNode) -> None:
    account = "858585858585"
    here = api(account=account)
    events, sqs = (api_node.client(service, account=account) for service in ("events", "sqs"))
    s3 = api_node.client("s3", account=account)
    rule = events.put_rule(Name="r", EventPattern='{"source": ["x"]}')["RuleArn"]
    queue = f"arn:aws:sqs:us-east-1:{account}:later"
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": queue}])
    nodes, edges = graph(here)
    assert (nodes[queue]["state"], (rule, "delivers", queue) in edges) == ("missing", True)
    sqs.create_queue(QueueName="later")
    assert graph(here)[0][queue]["state"] == ""
    s3.create_bucket(Bucket="mapped-bucket")
    s3.put_bucket_notification_configuration(
        Bucket="mapped-bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    bus = f"arn:aws:events:us-east-1:{account}:event-bus/default"
    assert ("arn:aws:s3:::mapped-bucket", "publishes", bus) in graph(here)[1]
    s3.put_object(Bucket="mapped-bucket", Key="k", Body=b"x")
    name = edge("arn:aws:s3:::mapped-bucket", "publishes", bus)
    assert wait_for(lambda: here.get("/traffic")["edges"].get(name))["count"] == 1
    events.remove_targets(Rule="r", Ids=["1"])
    events.delete_rule(Name="r")
    assert rule not in graph(here)[0]


def test_buses_of_others_and_forwarded_events(api: Callable[..., ConsoleApi], api_node: RunningNode) -> None:
    account = "868686868686"
    here = api(account=account)
    events, iam = (api_node.client(service, account=account) for service in ("events", "iam"))
    for name in ("first", "second"):
        events.create_event_bus(Name=name)
    trust = json.dumps(shop_stack.TRUST).replace("lambda.", "events.")
    role = iam.create_role(RoleName="forward", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="forward", PolicyName="all", PolicyDocument=json.dumps(shop_stack.ALL))
    second = f"arn:aws:events:us-east-1:{account}:event-bus/second"
    away = f"arn:aws:events:eu-west-1:{account}:event-bus/default"
    rule = events.put_rule(Name="forward", EventBusName="first", EventPattern='{"source": ["x"]}')["RuleArn"]
    targets = [{"Id": "1", "Arn": second, "RoleArn": role}, {"Id": "2", "Arn": away, "RoleArn": role}]
    events.put_targets(Rule="forward", EventBusName="first", Targets=targets)
    events.put_events(Entries=[{"Source": "x", "DetailType": "t", "Detail": "{}", "EventBusName": "first"}])
    flow = wait_for(lambda: here.get("/traffic")["edges"].get(edge(rule, "forwards", second)))
    assert (flow["count"], flow["errors"]) == (1, 0)
    nodes, edges = graph(here)
    assert (nodes[second]["state"], nodes[away]["state"]) == ("", "elsewhere")
    first = f"arn:aws:events:us-east-1:{account}:event-bus/first"
    assert ("producer:x", "publishes", first) in edges
    assert ("producer:x", "publishes", second) not in edges


@pytest.mark.parametrize("seconds", ["0", "301", "x"])
def test_seconds_that_are_not_kept(shop: ConsoleApi, seconds: str) -> None:
    with pytest.raises(ApiError) as error:
        shop.get("/traffic", seconds=seconds)
    assert error.value.status == 400
