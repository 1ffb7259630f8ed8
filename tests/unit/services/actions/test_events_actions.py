"""What the operations of Amazon EventBridge need."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actions_rig import ACCOUNT, OTHER, REGION, keys, needed, pairs

OURS = f"arn:aws:events:{REGION}:{ACCOUNT}:"
THEIRS = f"arn:aws:events:{REGION}:{OTHER}:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


@pytest.mark.parametrize("operation", ["PutRule", "DeleteRule", "DescribeRule", "EnableRule", "DisableRule"])
@pytest.mark.parametrize(
    ("bus", "resource"),
    [
        (None, "rule/r"),
        ("default", "rule/r"),
        (f"{OURS}event-bus/default", "rule/r"),
        ("orders", "rule/orders/r"),
        (f"{OURS}event-bus/orders", "rule/orders/r"),
        (f"{THEIRS}event-bus/orders", f"{THEIRS}rule/orders/r"),
        ("aws.partner/example.com/1", "rule/aws.partner/example.com/1/r"),
    ],
)
def test_a_rule_has_one_arn_however_its_bus_is_named(operation: str, bus: str | None, resource: str) -> None:
    params = {"Name": "r"} if bus is None else {"Name": "r", "EventBusName": bus}
    assert pairs("events", operation, **params) == [(operation, resource)]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        (
            "PutTargets",
            {
                "Rule": "r",
                "Targets": [{"Arn": "a", "RoleArn": ROLE}, {"Arn": "b", "RoleArn": ROLE}, {"Arn": "c"}],
            },
            [("PutTargets", "rule/r"), ("iam:PassRole", ROLE)],
        ),
        ("PutRule", {"Name": "r", "RoleArn": ROLE}, [("PutRule", "rule/r"), ("iam:PassRole", ROLE)]),
        (
            "CreateArchive",
            {"ArchiveName": "a", "EventSourceArn": f"{OURS}event-bus/orders"},
            [("CreateArchive", "archive/a"), ("CreateArchive", "event-bus/orders")],
        ),
        (
            "StartReplay",
            {
                "ReplayName": "r",
                "EventSourceArn": f"{OURS}archive/a",
                "Destination": {"Arn": f"{OURS}event-bus/b"},
            },
            [("StartReplay", "replay/r"), ("StartReplay", "archive/a"), ("StartReplay", "event-bus/b")],
        ),
        (
            "CreateApiDestination",
            {"Name": "d", "ConnectionArn": f"{OURS}connection/c/0123"},
            [("CreateApiDestination", "api-destination/d"), ("CreateApiDestination", "connection/c")],
        ),
        ("DescribeEventBus", {}, [("DescribeEventBus", "event-bus/default")]),
        ("ListRules", {"EventBusName": "orders"}, [("ListRules", "*")]),
        (
            "ActivateEventSource",
            {"Name": "aws.partner/example.com/1"},
            [("ActivateEventSource", f"arn:aws:events:{REGION}::event-source/aws.partner/example.com/1")],
        ),
        ("TagResource", {"ResourceARN": f"{OURS}rule/default/r"}, [("TagResource", "rule/r")]),
        ("TagResource", {"ResourceARN": f"{OURS}rule/orders/r"}, [("TagResource", "rule/orders/r")]),
        ("PutPermission", {"EventBusName": "orders"}, [("PutPermission", "*")]),
    ],
)
def test_needs(operation: str, params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert pairs("events", operation, **params) == expected


def test_put_events_needs_its_action_for_each_bus_source_and_detail_type() -> None:
    def entry(bus: str | None, source: str) -> dict[str, str]:
        rest = {} if bus is None else {"EventBusName": bus}
        return {"Source": source, "DetailType": "placed", "Detail": "{}"} | rest

    entries = [entry(None, "shop"), entry(None, "shop"), entry("orders", "shop"), entry("orders", "till")]
    found = {
        (need.resource, need.keys["events:source"]) for need in needed("events", "PutEvents", Entries=entries)
    }
    assert found == {
        (f"{OURS}event-bus/default", "shop"),
        (f"{OURS}event-bus/orders", "shop"),
        (f"{OURS}event-bus/orders", "till"),
    }
    assert keys("events", "PutEvents", Entries=entries[:1]) == {
        "events:source": "shop",
        "events:detail-type": "placed",
        "events:eventbusinvocation": "false",
    }


def test_the_condition_keys_of_a_rule_come_from_its_pattern() -> None:
    pattern = {"source": ["shop", "till"], "detail-type": [{"prefix": "p"}], "detail": {"service": ["EC2"]}}
    found = keys(
        "events", "PutRule", Name="r", EventPattern=json.dumps(pattern), Tags=[{"Key": "A", "Value": "b"}]
    )
    assert found["events:source"] == ("shop", "till")
    assert found["events:detail.service"] == ("EC2",)
    assert found["events:detail.eventtypecode"] == ()
    assert found["events:detail-type"] != ("p",)
    assert (found["aws:requesttag/a"], found["aws:tagkeys"]) == ("b", ("A",))
    assert keys("events", "PutTargets", Rule="r", Targets=[{"Arn": "x"}]) == {"events:targetarn": ("x",)}


def test_a_passed_role_is_associated_with_the_rule() -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html"""
    put, passed = needed("events", "PutRule", Name="r", EventBusName="orders", RoleArn=ROLE)
    assert passed.keys["iam:associatedresourcearn"] == put.resource == f"{OURS}rule/orders/r"
