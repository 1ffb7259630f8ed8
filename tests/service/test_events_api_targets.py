"""Rules send events to HTTP endpoints of others, with what their connection authorizes them by."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from forwarding_rig import Elsewhere, Sent
from nodes import RunningNode
from waiting import wait_for

ROLE = "arn:aws:iam::000000000000:role/invoker"
API_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "the-key"}}


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    opened = Elsewhere()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def node(data: Path) -> Iterator[RunningNode]:
    running = RunningNode(data)
    yield running
    running.stop()


class Shop:
    """Rules of one test, each with an API destination and a dead-letter queue."""

    def __init__(self, node: RunningNode, name: str) -> None:
        self.events, self.sqs, self.name = node.client("events"), node.client("sqs"), name
        self.bus = f"bus-{name}"
        self.events.create_event_bus(Name=self.bus)
        self.dead = self.sqs.create_queue(
            QueueName=f"dead-{name}",
            Attributes={"Policy": json.dumps(
                {"Statement": {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                               "Action": "sqs:SendMessage", "Resource": "*"}})},
        )["QueueUrl"]  # fmt: skip

    def send_to(
        self, url: str, kind: str, auth: dict[str, Any], rate: int = 300, method: str = "POST", **target: Any
    ) -> None:
        connection = self.events.create_connection(
            Name=f"c-{self.name}", AuthorizationType=kind, AuthParameters=auth
        )["ConnectionArn"]
        self.destination = self.events.create_api_destination(
            Name=f"d-{self.name}", ConnectionArn=connection, InvocationEndpoint=url, HttpMethod=method,
            InvocationRateLimitPerSecond=rate,
        )["ApiDestinationArn"]  # fmt: skip
        self.events.put_rule(Name="r", EventBusName=self.bus, EventPattern='{"source": ["shop"]}')
        given = {
            "Id": "api", "Arn": self.destination, "RoleArn": ROLE,
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:000000000000:dead-{self.name}"}, **target,
        }  # fmt: skip
        reply = self.events.put_targets(Rule="r", EventBusName=self.bus, Targets=[given])
        assert not reply["FailedEntryCount"], reply

    def put(self, **detail: Any) -> str:
        entry = {"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail)}
        return str(
            self.events.put_events(Entries=[{**entry, "EventBusName": self.bus}])["Entries"][0]["EventId"]
        )

    def dead_letter(self) -> dict[str, str]:
        def received() -> Any:
            return self.sqs.receive_message(
                QueueUrl=self.dead, MessageAttributeNames=["All"], WaitTimeSeconds=1
            ).get("Messages")

        attributes = wait_for(received)[0]["MessageAttributes"]
        return {name: one["StringValue"] for name, one in attributes.items()}


@pytest.fixture
def shop(node: RunningNode, request: pytest.FixtureRequest) -> Shop:
    return Shop(node, str(abs(hash(request.node.name)) % 10**9))


def arrived(elsewhere: Elsewhere, count: int = 1, path: str = "/") -> list[Sent]:
    def there() -> list[Sent] | None:
        found = [one for one in list(elsewhere.requests) if one.path.startswith(path)]
        return found if len(found) >= count else None

    return wait_for(there)


def test_an_api_key_a_path_a_query_and_headers(shop: Shop, elsewhere: Elsewhere) -> None:
    further = {
        "HeaderParameters": [{"Key": "x-shop", "Value": "connection", "IsValueSecret": False}],
        "QueryStringParameters": [{"Key": "v", "Value": "2"}],
        "BodyParameters": [{"Key": "channel", "Value": "events", "IsValueSecret": True}],
    }
    shop.send_to(
        f"{elsewhere.url}/orders/*/items/*?fixed=1",
        "API_KEY",
        {**API_KEY, "InvocationHttpParameters": further},
        HttpParameters={
            "PathParameterValues": ["$.detail.id", "a/b"],
            "QueryStringParameters": {"v": "1", "state": "$.detail.state"},
            "HeaderParameters": {"X-Shop": "target", "X-Other": "o", "User-Agent": "mine"},
        },
        InputTransformer={"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"order": <id>}'},
    )
    shop.put(id="o 1", state="placed")
    (sent,) = arrived(elsewhere)
    path, _, query = sent.path.partition("?")
    assert (sent.method, path) == ("POST", "/orders/o%201/items/a%2Fb")
    assert parse_qs(query) == {"fixed": ["1"], "v": ["2"], "state": ["placed"]}
    wanted = {
        "x-api-key": "the-key",
        "x-shop": "connection",
        "x-other": "o",
        "user-agent": "Amazon/EventBridge/ApiDestinations",
        "content-type": "application/json; charset=utf-8",
        "range": "bytes=0-1048575",
    }
    assert {name: sent.headers[name] for name in wanted} == wanted
    assert sent.body == {"order": "o 1", "channel": "events"}


def test_basic_authorization_and_the_event_as_it_is(shop: Shop, elsewhere: Elsewhere) -> None:
    auth = {"BasicAuthParameters": {"Username": "ada", "Password": "lovelace"}}
    shop.send_to(f"{elsewhere.url}/in", "BASIC", auth, method="PUT")
    event_id = shop.put(id="1")
    (sent,) = arrived(elsewhere)
    given = base64.b64encode(b"ada:lovelace").decode()
    assert (sent.method, sent.headers["authorization"]) == ("PUT", f"Basic {given}")
    assert (sent.body["id"], sent.body["detail"]) == (event_id, {"id": "1"})


def oauth(url: str, method: str = "POST") -> dict[str, Any]:
    return {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "shop", "ClientSecret": "s3cret"},
            "AuthorizationEndpoint": f"{url}/token",
            "HttpMethod": method,
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "audience", "Value": "orders"}]},
        }
    }


def test_a_token_is_fetched_once_and_anew_when_it_is_refused(shop: Shop, elsewhere: Elsewhere) -> None:
    tokens: list[str] = []

    def answer(sent: Sent) -> tuple[int, dict[str, Any]]:
        if sent.path.startswith("/token"):
            tokens.append(f"t{len(tokens) + 1}")
            return 200, {"access_token": tokens[-1], "token_type": "bearer", "expires_in": 3600}
        fits = sent.headers["authorization"] == f"Bearer {tokens[-1]}"
        return (200 if fits else 401), {}

    elsewhere.answer = answer
    shop.send_to(f"{elsewhere.url}/in", "OAUTH_CLIENT_CREDENTIALS", oauth(elsewhere.url))
    shop.put(number=1)
    arrived(elsewhere, 1, "/in")
    asked = [one for one in elsewhere.requests if one.path == "/token"]
    assert parse_qs(asked[-1].body) == {
        "grant_type": ["client_credentials"], "client_id": ["shop"], "client_secret": ["s3cret"],
        "audience": ["orders"],
    }  # fmt: skip
    had = len(tokens)
    shop.put(number=2)
    arrived(elsewhere, 2, "/in")
    assert len(tokens) == had
    tokens.append("revoked")  # what the endpoint takes from now on is another one
    shop.put(number=3)
    first, again = arrived(elsewhere, 4, "/in")[2:]
    assert first.headers["authorization"] != again.headers["authorization"]
    assert first.body["detail"] == again.body["detail"] == {"number": 3}


def test_an_endpoint_that_is_busy_is_asked_again_when_it_says(shop: Shop, elsewhere: Elsewhere) -> None:
    answers: Iterator[tuple[int, dict[str, Any]]] = iter([(429, {}), (503, {})])
    elsewhere.answer = lambda sent: next(answers, (200, {}))
    shop.send_to(f"{elsewhere.url}/in", "API_KEY", API_KEY)
    shop.put(id="1")
    sent = arrived(elsewhere, 3)
    assert [one.body["detail"] for one in sent] == [{"id": "1"}] * 3


@pytest.mark.parametrize(
    ("status", "code"), [(404, "SDK_CLIENT_ERROR"), (403, "NO_PERMISSIONS"), (302, "SDK_CLIENT_ERROR")]
)
def test_what_will_not_change_goes_to_the_dead_letter_queue_at_once(
    node: RunningNode, elsewhere: Elsewhere, status: int, code: str
) -> None:
    shop = Shop(node, f"dead{status}")
    elsewhere.answer = lambda sent: (status, {})
    shop.send_to(f"{elsewhere.url}/in", "API_KEY", API_KEY)
    shop.put(id="1")
    letter = shop.dead_letter()
    assert (letter["ERROR_CODE"], letter["RETRY_ATTEMPTS"]) == (code, "0")
    assert letter["TARGET_ARN"] == shop.destination
    assert f"HTTP {status}" in letter["ERROR_MESSAGE"]


def test_nobody_there_is_a_connection_failure(shop: Shop) -> None:
    shop.send_to("http://127.0.0.1:9/in", "API_KEY", API_KEY, RetryPolicy={"MaximumRetryAttempts": 0})
    shop.put(id="1")
    letter = shop.dead_letter()
    assert letter["ERROR_CODE"] == "CONNECTION_FAILURE"
    assert letter["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"


def test_a_rate_is_kept_and_the_order_with_it(shop: Shop, elsewhere: Elsewhere) -> None:
    shop.send_to(
        f"{elsewhere.url}/in", "API_KEY", API_KEY, rate=1
    )  # a busy machine is late by less than a second
    began = time.monotonic()
    for number in range(4):
        shop.put(number=number)
    sent = arrived(elsewhere, 4)
    assert [one.body["detail"]["number"] for one in sent] == list(range(4))
    assert sent[-1].time - began >= 3 * 0.9


def test_one_that_hangs_leaves_room_for_others(shop: Shop, node: RunningNode, elsewhere: Elsewhere) -> None:
    go_on: list[bool] = []

    def answer(sent: Sent) -> None:
        wait_for(lambda: go_on, seconds=30)

    elsewhere.answer = answer
    shop.send_to(f"{elsewhere.url}/in", "API_KEY", API_KEY)
    for number in range(100):
        shop.put(number=number)
    other = Elsewhere()
    try:
        healthy = Shop(node, "healthy")
        healthy.send_to(f"{other.url}/in", "API_KEY", API_KEY)
        healthy.put(id="1")
        assert arrived(other)
        assert not elsewhere.requests  # nobody was answered yet
    finally:
        go_on.append(True)
        other.close()
    arrived(elsewhere, 100)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"RoleArn": None}, "RoleArn is required for target"),
        ({"Arn": "arn:aws:events:us-east-1:000000000000:api-destination/x"}, "not in correct format"),
    ],
)
def test_a_target_that_cannot_work_is_refused(
    node: RunningNode, changed: dict[str, Any], message: str
) -> None:
    events = node.client("events")
    events.put_rule(Name="refusing", EventPattern='{"source": ["nobody"]}')
    arn = "arn:aws:events:us-east-1:000000000000:api-destination/x/11111111-2222-3333-4444-555555555555"
    target = {"Id": "api", "Arn": arn, "RoleArn": ROLE} | changed
    given = {name: value for name, value in target.items() if value is not None}
    with pytest.raises(events.exceptions.ClientError) as refused:
        events.put_targets(Rule="refusing", Targets=[given])
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert message in refused.value.response["Error"]["Message"]
