"""EventBridge by boto3: global endpoints, which put events onto one bus or onto two of the same name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from events_rig import ACCOUNT, GOOD, Listener, put

Client = Callable[..., Any]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/replicates"
ROUTING = {
    "FailoverConfig": {
        "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/0a1b"},
        "Secondary": {"Route": "us-west-2"},
    }
}


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name(client: Client) -> str:
    """Of a bus in both regions, and of its endpoint."""
    found = f"bus-{uuid4().hex[:8]}"
    for region in ("us-east-1", "us-west-2"):
        client("events", region=region).create_event_bus(Name=found)
    return found


def arn(name: str, region: str = "us-east-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:events:{region}:{account}:event-bus/{name}"


def both(name: str) -> list[dict[str, str]]:
    return [{"EventBusArn": arn(name)}, {"EventBusArn": arn(name, "us-west-2")}]


def made(events: Any, name: str, **more: Any) -> dict[str, Any]:
    """As it is described."""
    wanted = {"RoutingConfig": ROUTING, "EventBuses": both(name), "RoleArn": ROLE}
    events.create_endpoint(Name=name, **{**wanted, **more})
    return dict(events.describe_endpoint(Name=name))


def test_an_endpoint_from_its_creation_to_its_end(events: Any, name: str) -> None:
    reply = events.create_endpoint(
        Name=name, Description="orders", RoutingConfig=ROUTING, EventBuses=both(name), RoleArn=ROLE
    )
    assert reply["Arn"] == f"arn:aws:events:us-east-1:{ACCOUNT}:endpoint/{name}"
    assert (reply["State"], reply["ReplicationConfig"]) == ("ACTIVE", {"State": "ENABLED"})
    described = events.describe_endpoint(Name=name)
    assert (described["Description"], described["EventBuses"]) == ("orders", both(name))
    assert described["EndpointUrl"] == f"https://{described['EndpointId']}.endpoint.events.amazonaws.com"
    (listed,) = events.list_endpoints(NamePrefix=name)["Endpoints"]
    assert listed["EndpointId"] == described["EndpointId"]
    assert events.list_endpoints(NamePrefix=name, HomeRegion="us-west-2")["Endpoints"] == []
    changed = events.update_endpoint(Name=name, ReplicationConfig={"State": "DISABLED"})
    assert (changed["ReplicationConfig"], changed["RoutingConfig"]) == ({"State": "DISABLED"}, ROUTING)
    assert code_and_status(
        events.create_endpoint, Name=name, RoutingConfig=ROUTING, EventBuses=both(name), RoleArn=ROLE
    ) == ("ResourceAlreadyExistsException", 400)
    events.delete_endpoint(Name=name)
    for call in (events.describe_endpoint, events.delete_endpoint, events.update_endpoint):
        assert code_and_status(call, Name=name) == ("ResourceNotFoundException", 400)
    gone = refusal(events.put_events, EndpointId=described["EndpointId"], Entries=[GOOD])
    assert gone[:2] == ("ValidationException", 400)


@pytest.mark.parametrize("state", ["ENABLED", "DISABLED"])
def test_events_go_to_the_primary_and_with_replication_to_both(
    client: Client, events: Any, name: str, state: str
) -> None:
    endpoint = made(events, name, ReplicationConfig={"State": state})
    primary = Listener(client, {"source": ["shop"]}, bus=name)
    secondary = Listener(client, {"source": ["shop"]}, bus=name, region="us-west-2")
    for client_region, bus in (("us-east-1", name), ("eu-west-1", arn(name, "us-west-2"))):
        reply = client("events", region=client_region).put_events(
            EndpointId=endpoint["EndpointId"], Entries=[{**GOOD, "EventBusName": bus}]
        )
        assert reply["FailedEntryCount"] == 0
    heard = primary.heard(2)
    assert heard[1]["id"] == reply["Entries"][0]["EventId"]
    assert {one["region"] for one in heard} == {"us-east-1"}
    put(client("events", region="us-west-2"), {**GOOD, "EventBusName": name, "Detail": '{"n": "last"}'})
    others = secondary.heard(3 if state == "ENABLED" else 1)
    assert [one["detail"]["n"] for one in others] == [1, 1, "last"][-len(others) :]
    assert not {one["id"] for one in heard} & {one["id"] for one in others}


def test_an_entry_for_another_bus_is_refused(events: Any, name: str) -> None:
    endpoint = made(events, name)["EndpointId"]
    for bus in ({}, {"EventBusName": "other"}, {"EventBusName": arn(name, "eu-west-1")}):
        refused = refusal(events.put_events, EndpointId=endpoint, Entries=[{**GOOD, **bus}])
        assert refused[0] == "ValidationException" and "is not a bus of endpoint" in refused[2]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"RoleArn": None}, "RoleArn is required"),
        (
            {"EventBuses": [{"EventBusArn": arn("a")}, {"EventBusArn": arn("a")}]},
            "secondary Region us-west-2",
        ),
        (
            {"EventBuses": [{"EventBusArn": arn("a")}, {"EventBusArn": arn("a", "eu-west-1")}]},
            "secondary Region",
        ),
        ({"EventBuses": [{"EventBusArn": arn("a")}, {"EventBusArn": arn("b", "us-west-2")}]}, "identical"),
        (
            {"EventBuses": [{"EventBusArn": arn("a")}, {"EventBusArn": arn("a", "us-west-2", "1" * 12)}]},
            "account",
        ),
        ({"EventBuses": both("nowhere")}, "does not exist"),
    ],
)
def test_what_is_no_endpoint_is_refused(events: Any, name: str, more: dict[str, Any], named: str) -> None:
    wanted = {"Name": name, "RoutingConfig": ROUTING, "EventBuses": both(name), "RoleArn": ROLE, **more}
    given = {member: value for member, value in wanted.items() if value is not None}
    code, _, message = refusal(events.create_endpoint, **given)
    assert code == "ValidationException" and named in message
