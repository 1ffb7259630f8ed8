"""EventBridge by boto3: a connection with OAuth is authorised once its endpoint gives a token."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from forwarding_rig import Elsewhere, Reply, Sent
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
TOKEN: Reply = (200, {"access_token": "t", "token_type": "Bearer", "expires_in": 3600})


@pytest.fixture
def server() -> Iterator[Elsewhere]:
    opened = Elsewhere()
    opened.answer = lambda sent: TOKEN
    yield opened
    opened.close()


@pytest.fixture
def name() -> str:
    return f"o-{uuid4().hex[:8]}"


def oauth(url: str, secret: str = "hunter") -> dict[str, Any]:
    return {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "shop", "ClientSecret": secret},
            "AuthorizationEndpoint": url,
            "HttpMethod": "POST",
        }
    }


def made(events: Any, name: str, url: str) -> str:
    reply = events.create_connection(
        Name=name, AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=oauth(url)
    )
    return str(reply["ConnectionState"])


def settled(events: Any, name: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = events.describe_connection(Name=name)
        return None if found["ConnectionState"] == "AUTHORIZING" else found

    return wait_for(over)


def test_it_is_authorized_with_its_first_token(client: Client, server: Elsewhere, name: str) -> None:
    events = client("events")
    assert made(events, name, f"{server.url}/token") == "AUTHORIZING"
    found = settled(events, name)
    assert found["ConnectionState"] == "AUTHORIZED"
    assert found["LastAuthorizedTime"] >= found["CreationTime"]
    assert "StateReason" not in found
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", "/token")
    assert parse_qs(sent.body)["client_secret"] == ["hunter"]


def test_a_refusal_is_told_and_an_update_tries_again(client: Client, server: Elsewhere, name: str) -> None:
    events = client("events")

    def judged(sent: Sent) -> Reply:
        given = parse_qs(sent.body)["client_secret"][0]
        told = {"error": "invalid_client", "error_description": f"{given} is not the secret"}
        return TOKEN if given == "right" else (401, told)

    server.answer = judged
    made(events, name, server.url)
    found = settled(events, name)
    assert found["ConnectionState"] == "DEAUTHORIZED"
    assert "HTTP 401: *** is not the secret" in found["StateReason"]
    listed = events.list_connections(NamePrefix=name, ConnectionState="DEAUTHORIZED")["Connections"]
    assert [one["StateReason"] for one in listed] == [found["StateReason"]]
    only_the_secret = {"OAuthParameters": {"ClientParameters": {"ClientSecret": "right"}}}
    assert (
        events.update_connection(Name=name, AuthParameters=only_the_secret)["ConnectionState"]
        == "AUTHORIZING"
    )
    found = settled(events, name)
    assert found["ConnectionState"] == "AUTHORIZED"
    assert "StateReason" not in found


def test_an_endpoint_in_trouble_is_asked_again(client: Client, server: Elsewhere, name: str) -> None:
    events = client("events")
    server.answer = lambda sent: TOKEN if server.requests else (503, {})
    made(events, name, server.url)
    assert settled(events, name)["ConnectionState"] == "AUTHORIZED"
    assert len(server.requests) == 2


def test_what_changes_meanwhile_stands(client: Client, server: Elsewhere, name: str) -> None:
    events, asked, go_on = client("events"), threading.Event(), threading.Event()

    def slow(sent: Sent) -> Reply:
        asked.set()
        assert go_on.wait(20)
        return TOKEN

    server.answer = slow
    for other in ("described", "deauthorized"):
        made(events, f"{name}-{other}", server.url)
    assert asked.wait(20)
    events.update_connection(Name=f"{name}-described", Description="new")
    events.deauthorize_connection(Name=f"{name}-deauthorized")
    go_on.set()
    found = settled(events, f"{name}-described")
    assert (found["ConnectionState"], found["Description"]) == ("AUTHORIZED", "new")
    assert events.describe_connection(Name=f"{name}-deauthorized")["ConnectionState"] == "DEAUTHORIZED"


def test_a_node_that_was_killed_goes_on_authorizing(tmp_path: Path, server: Elsewhere) -> None:
    asked, dead = threading.Event(), threading.Event()

    def first_never(sent: Sent) -> Reply:
        if not asked.is_set():
            asked.set()
            dead.wait(20)
        return TOKEN

    server.answer = first_never
    node = RunningNode(tmp_path / "data")
    made(node.client("events"), "c", server.url)
    assert asked.wait(20)
    node.kill()
    dead.set()
    node = RunningNode(tmp_path / "data")
    try:
        assert settled(node.client("events"), "c")["ConnectionState"] == "AUTHORIZED"
    finally:
        assert node.stop() == 0
