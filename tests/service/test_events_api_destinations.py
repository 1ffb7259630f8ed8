"""EventBridge by boto3: API destinations."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from nodes import RunningNode

Client = Callable[..., Any]
ACCOUNT = "000000000000"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
AUTH = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hunter"}}
ENDPOINT = "https://shop.example.com/orders/*"


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name() -> str:
    return f"d-{uuid4().hex[:8]}"


@pytest.fixture
def connection(events: Any, name: str) -> str:
    return connected(events, name)


def connected(events: Any, name: str) -> str:
    reply = events.create_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=AUTH)
    return str(reply["ConnectionArn"])


def made(events: Any, name: str, connection: str, **more: Any) -> dict[str, Any]:
    parameters = {"InvocationEndpoint": ENDPOINT, "HttpMethod": "POST", **more}
    reply: dict[str, Any] = events.create_api_destination(Name=name, ConnectionArn=connection, **parameters)
    return reply


def described(events: Any, name: str) -> dict[str, Any]:
    reply: dict[str, Any] = events.describe_api_destination(Name=name)
    reply.pop("ResponseMetadata")
    return reply


def test_a_destination_from_its_creation_to_its_end(events: Any, name: str, connection: str) -> None:
    reply = made(events, name, connection, Description="orders", InvocationRateLimitPerSecond=7)
    arn = reply["ApiDestinationArn"]
    assert re.fullmatch(f"arn:aws:events:us-east-1:{ACCOUNT}:api-destination/{name}/{UUID}", arn)
    assert reply["ApiDestinationState"] == "ACTIVE"
    assert described(events, name) == {
        "ApiDestinationArn": arn,
        "Name": name,
        "Description": "orders",
        "ApiDestinationState": "ACTIVE",
        "ConnectionArn": connection,
        "InvocationEndpoint": ENDPOINT,
        "HttpMethod": "POST",
        "InvocationRateLimitPerSecond": 7,
        "CreationTime": reply["CreationTime"],
        "LastModifiedTime": reply["LastModifiedTime"],
    }
    events.delete_api_destination(Name=name)
    assert refusal(events.describe_api_destination, Name=name) == (
        "ResourceNotFoundException",
        400,
        f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.",
    )


def test_an_update_changes_what_it_names(events: Any, name: str, connection: str) -> None:
    first = made(events, name, connection)
    assert described(events, name)["InvocationRateLimitPerSecond"] == 300
    other = connected(events, f"{name}-2")
    reply = events.update_api_destination(Name=name, HttpMethod="PUT", ConnectionArn=other)
    assert reply["ApiDestinationArn"] == first["ApiDestinationArn"]
    assert reply["LastModifiedTime"] >= first["LastModifiedTime"]
    shown = described(events, name)
    assert (shown["HttpMethod"], shown["ConnectionArn"], shown["InvocationEndpoint"]) == (
        "PUT",
        other,
        ENDPOINT,
    )
    events.update_api_destination(
        Name=name, InvocationEndpoint="https://b.example.com", InvocationRateLimitPerSecond=1, Description="b"
    )
    shown = described(events, name)
    assert (shown["InvocationEndpoint"], shown["InvocationRateLimitPerSecond"], shown["Description"]) == (
        "https://b.example.com", 1, "b",
    )  # fmt: skip


def test_it_is_as_active_as_its_connection(events: Any, name: str, connection: str) -> None:
    made(events, name, connection)
    events.deauthorize_connection(Name=name)
    assert described(events, name)["ApiDestinationState"] == "INACTIVE"
    events.update_connection(Name=name, AuthParameters=AUTH)
    assert described(events, name)["ApiDestinationState"] == "ACTIVE"
    events.delete_connection(Name=name)
    assert described(events, name)["ApiDestinationState"] == "INACTIVE"
    again = connected(events, name)  # another one of the same name
    assert described(events, name)["ApiDestinationState"] == "INACTIVE"
    assert events.update_api_destination(Name=name, ConnectionArn=again)["ApiDestinationState"] == "ACTIVE"


def test_a_name_is_taken_once(events: Any, name: str, connection: str) -> None:
    made(events, name, connection)
    code, status, text = refusal(made, events=events, name=name, connection=connection)
    assert (code, status) == ("ResourceAlreadyExistsException", 400)
    assert name in text


def test_what_is_not_there_is_not_found(events: Any, name: str) -> None:
    calls = (events.describe_api_destination, events.update_api_destination, events.delete_api_destination)
    for call in calls:
        assert code_and_status(call, Name="none") == ("ResourceNotFoundException", 400)
    arn = f"arn:aws:events:us-east-1:{ACCOUNT}:connection/none/{uuid4()}"
    assert refusal(made, events=events, name=name, connection=arn)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"InvocationEndpoint": "http://shop.example.com"}, "InvocationEndpoint is not valid"),
        ({"InvocationEndpoint": "shop"}, "InvocationEndpoint is not valid"),
        ({"InvocationEndpoint": "https://shop.example.com/{a}"}, "regular expression"),
        ({"HttpMethod": "TRACE"}, "enum value set"),
        ({"InvocationRateLimitPerSecond": 0}, "greater than or equal to 1"),
        ({"Description": "x" * 513}, "less than or equal to 512"),
    ],
)
def test_mistakes_get_the_words_of_aws(
    events: Any, name: str, connection: str, more: dict[str, Any], message: str
) -> None:
    parameters = {
        "Name": name,
        "ConnectionArn": connection,
        "InvocationEndpoint": ENDPOINT,
        "HttpMethod": "POST",
    }
    code, status, text = refusal(_unchecked(events).create_api_destination, **{**parameters, **more})
    assert (code, status) == ("ValidationException", 400)
    assert message in text
    made(events, name, connection)
    assert code_and_status(_unchecked(events).update_api_destination, Name=name, **more) == (code, status)


def _unchecked(events: Any) -> Any:
    """The client without its own look at the parameters."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    return make(
        "events",
        region_name="us-east-1",
        endpoint_url=events.meta.endpoint_url,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


def test_http_is_for_what_is_near(events: Any, name: str, connection: str) -> None:
    made(events, name, connection, InvocationEndpoint="http://127.0.0.1:8080/hook")
    made(events, f"{name}-2", connection, InvocationEndpoint="http://shop:8080/hook")


def test_destinations_are_listed_by_name_and_connection(events: Any, name: str, connection: str) -> None:
    other = connected(events, f"{name}-other")
    for at in range(5):
        made(events, f"{name}-{at}", other if at == 3 else connection)
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        reply = events.list_api_destinations(NamePrefix=f"{name}-", Limit=2, **token)
        found += reply["ApiDestinations"]
        if "NextToken" not in reply:
            break
        token = {"NextToken": reply["NextToken"]}
    assert [one["Name"] for one in found] == [f"{name}-{at}" for at in range(5)]
    assert "Description" not in found[0]
    reply = events.list_api_destinations(ConnectionArn=other)
    assert [one["Name"] for one in reply["ApiDestinations"]] == [f"{name}-3"]
    assert code_and_status(events.list_api_destinations, NextToken="forged") == ("ValidationException", 400)


def test_a_restart_keeps_them(tmp_path: Path) -> None:
    first = RunningNode(tmp_path / "data")
    events = first.client("events")
    made(events, "d", connected(events, "c"))
    shown = described(events, "d")
    first.kill()
    second = RunningNode(tmp_path / "data")
    try:
        assert described(second.client("events"), "d") == shown
    finally:
        assert second.stop() == 0
