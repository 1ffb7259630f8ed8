"""EventBridge by boto3: rules on the default bus hear of connections and API destinations that change their state."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from events_rig import Listener
from forwarding_rig import Elsewhere

ACCOUNT = "600000000031"
Client = Callable[..., Any]
News = Callable[[int], list[dict[str, Any]]]
API_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hunter"}}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC")


@pytest.fixture
def events(client: Client) -> Any:
    return client("events", account=ACCOUNT)


@pytest.fixture
def name() -> str:
    return f"s-{uuid4().hex[:8]}"


@pytest.fixture
def news(client: Client, name: str) -> News:
    """Waits for so many events more of that name."""
    pattern = {
        "source": ["aws.events"],
        "$or": [{"detail": {"ConnectionName": [name]}}, {"detail": {"ApiDestinationName": [name]}}],
    }
    listener, seen = Listener(client, pattern, account=ACCOUNT), set[str]()

    def heard(count: int) -> list[dict[str, Any]]:
        events = [one for one in listener.heard(len(seen) + count) if one["id"] not in seen]
        seen.update(one["id"] for one in events)
        return events

    return heard


@pytest.fixture
def server() -> Iterator[Elsewhere]:
    opened = Elsewhere()
    yield opened
    opened.close()


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return sorted(one["detail-type"] for one in events)


def test_a_connection_from_its_creation_to_its_end(events: Any, name: str, news: News) -> None:
    arn = events.create_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=API_KEY)[
        "ConnectionArn"
    ]
    first = news(2)
    assert kinds(first) == ["Connection Authorized", "Connection Creation Started"]
    for event in first:
        assert (event["source"], event["account"], event["resources"]) == ("aws.events", ACCOUNT, [arn])
        assert event["detail"].keys() == {"ConnectionName", "Timestamp"}
        assert MOMENT.fullmatch(event["detail"]["Timestamp"])
    destination = events.create_api_destination(
        Name=name, ConnectionArn=arn, InvocationEndpoint="https://shop.example.com/", HttpMethod="POST"
    )["ApiDestinationArn"]
    (active,) = news(1)
    assert active["detail-type"] == "API Destination Activated"
    assert active["resources"] == [destination]
    assert active["detail"].keys() == {"ApiDestinationName", "Timestamp"}
    events.deauthorize_connection(Name=name)
    assert kinds(news(3)) == [
        "API Destination Deactivated",
        "Connection Deauthorization Started",
        "Connection Deauthorized",
    ]
    events.update_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=API_KEY)
    assert kinds(news(3)) == [
        "API Destination Activated",
        "Connection Authorized",
        "Connection Update Started",
    ]
    events.update_api_destination(Name=name, Description="the state stays")
    events.delete_connection(Name=name)
    assert kinds(news(2)) == ["API Destination Deactivated", "Connection Deletion Started"]


def test_why_a_token_was_refused(events: Any, name: str, news: News, server: Elsewhere) -> None:
    server.answer = lambda sent: (401, {"error": "invalid_client"})
    auth = {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "shop", "ClientSecret": "hunter"},
            "AuthorizationEndpoint": server.url,
            "HttpMethod": "POST",
        }
    }
    events.create_connection(Name=name, AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=auth)
    told = {one["detail-type"]: one["detail"] for one in news(3)}
    assert set(told) == {
        "Connection Creation Started",
        "Connection Authorization Started",
        "Connection Deauthorized",
    }
    described = events.describe_connection(Name=name)
    assert told["Connection Deauthorized"]["StateReason"] == described["StateReason"]
    assert "invalid_client" in described["StateReason"]
    assert "StateReason" not in told["Connection Authorization Started"]


def test_a_bus_that_logs_keeps_those_that_matched(client: Client, events: Any, name: str, news: News) -> None:
    group = "/aws/vendedlogs/events/event-bus/default"
    events.update_event_bus(Name="default", LogConfig={"Level": "TRACE", "IncludeDetail": "FULL"})
    try:
        for one in (f"{name}-unheard", name):
            events.create_connection(Name=one, AuthorizationType="API_KEY", AuthParameters=API_KEY)
        news(2)
        found = client("logs", account=ACCOUNT).filter_log_events(logGroupName=group)["events"]
    finally:
        events.update_event_bus(Name="default", LogConfig={"Level": "OFF"})
    told = [json.loads(one["message"]) for one in found]
    details = [json.loads(one["details"]["event_detail"]) for one in told if "event_detail" in one["details"]]
    assert {one["ConnectionName"] for one in details} == {name}
