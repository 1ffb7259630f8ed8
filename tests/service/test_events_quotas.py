"""EventBridge by boto3: AWS's quotas, and a node that is told to keep to none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws_refusals import refusal
from events_rig import GOOD
from nodes import TWO_NODES, RunningNode

pytestmark = pytest.mark.skipif(
    TWO_NODES, reason="some two thousand changes take minutes on the slow store, and each only counts"
)
Client = Callable[..., Any]
ACCOUNT = "600000000002"
PREFIX = f"arn:aws:events:us-east-1:{ACCOUNT}:"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
PATTERN = '{"source": ["shop"]}'
OVER = ("LimitExceededException", 400, "The requested resource exceeds the maximum number allowed.")
FAILOVER = {
    "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"},
    "Secondary": {"Route": "us-west-2"},
}
BUSES = [
    {"EventBusArn": f"arn:aws:events:{region}:{ACCOUNT}:event-bus/b0"}
    for region in ("us-east-1", "us-west-2")
]
LONG_POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Sid": "s" * 10_240}]})


def tags(count: int) -> list[dict[str, str]]:
    return [{"Key": str(at), "Value": "v"} for at in range(count)]


def put_rule(events: Any, at: int) -> None:
    events.put_rule(Name=f"r{at}", EventBusName="b0", EventPattern=PATTERN)


def put_wildcard(events: Any, at: int) -> None:
    pattern = (
        '{"source": [{"wildcard": "a*b"}]}' if at % 2 else '{"a": [{"anything-but": {"wildcard": "*c"}}]}'
    )
    events.put_rule(Name=f"w{at}", EventBusName="b1", EventPattern=pattern)


def put_target(events: Any, at: int) -> None:
    events.put_targets(Rule="r0", EventBusName="b0", Targets=[{"Id": str(at), "Arn": FUNCTION}])


def create_bus(events: Any, at: int) -> None:
    events.create_event_bus(Name=f"b{at}")


def create_archive(events: Any, at: int) -> None:
    events.create_archive(ArchiveName=f"a{at}", EventSourceArn=f"{PREFIX}event-bus/b0")


def create_endpoint(events: Any, at: int) -> None:
    routing = {"FailoverConfig": FAILOVER}
    off = {"State": "DISABLED"}
    events.create_endpoint(Name=f"e{at}", RoutingConfig=routing, ReplicationConfig=off, EventBuses=BUSES)


def tag(events: Any, at: int) -> None:
    events.tag_resource(ResourceARN=f"{PREFIX}event-bus/b0", Tags=[{"Key": str(at), "Value": "v"}])


def start_replay(events: Any, at: int) -> None:
    now = datetime.now(UTC)
    events.start_replay(
        ReplayName=f"p{at}",
        EventSourceArn=f"{PREFIX}archive/a0",
        EventStartTime=now - timedelta(days=1),
        EventEndTime=now,
        Destination={"Arn": f"{PREFIX}event-bus/b0"},
    )


# In an order in which each has what it needs; the first of each makes it for the others.
QUOTAS: list[tuple[Callable[[Any, int], None], int]] = [
    (create_bus, 100),
    (put_wildcard, 30),
    (put_rule, 300),
    (put_target, 5),
    (create_archive, 100),
    (create_endpoint, 100),
    (tag, 50),
]


def with_first_of_each(node: RunningNode) -> Any:
    there = node.client("events", account=ACCOUNT, region="us-west-2")
    there.create_event_bus(Name="b0")
    return node.client("events", account=ACCOUNT)


@pytest.fixture
def without_quotas() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_QUOTAS": "no"})
    yield running
    assert running.stop() == 0


def test_what_is_over_a_quota_is_refused(node: RunningNode) -> None:
    events = with_first_of_each(node)
    for make, most in QUOTAS:
        for at in range(most):
            make(events, at)
        assert refusal(make, events=events, at=most) == OVER, make
    # What is there may change.
    put_rule(events, 0)
    put_wildcard(events, 1)
    events.put_rule(Name="none", EventBusName="b1", EventPattern='{"source": ["wildcard"]}')
    put_target(events, 0)
    tag(events, 0)
    for call, params in (
        (events.put_rule, {"Name": "tagged", "EventPattern": PATTERN}),
        (node.client("events", account=ACCOUNT, region="eu-west-1").create_event_bus, {"Name": "tagged"}),
    ):
        assert refusal(call, **params, Tags=tags(51)) == OVER
        call(**params, Tags=tags(50))
    fill_archive(events)
    started = 0
    for at in range(200):  # ten at a time, and one may end as another begins
        try:
            start_replay(events, at)
        except events.exceptions.LimitExceededException as over:
            assert over.response["Error"]["Message"] == OVER[2]
            break
        started += 1
    assert 10 <= started < 200


def fill_archive(events: Any) -> None:
    entries = [{**GOOD, "EventBusName": "b0"}] * 10
    for _ in range(100):
        events.put_events(Entries=entries)


def test_without_quotas_there_may_be_more_of_everything(without_quotas: RunningNode) -> None:
    events = with_first_of_each(without_quotas)
    for make, most in QUOTAS:
        for at in range(most + 1):
            make(events, at)
    fill_archive(events)
    for at in range(11):
        start_replay(events, at)
    events.put_rule(Name="tagged", EventPattern=PATTERN, Tags=tags(51))
    events.put_permission(EventBusName="b0", Policy=LONG_POLICY)
    shown = events.describe_rule(Name="r300", EventBusName="b0")
    assert (shown["CreatedBy"], shown["State"]) == (ACCOUNT, "ENABLED")
