"""EventBridge by boto3: connections."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from node_databases import POSTGRES, kept_contents
from nodes import RunningNode

Client = Callable[..., Any]
ACCOUNT = "000000000000"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
BASIC = {"BasicAuthParameters": {"Username": "shop", "Password": "hunter-basic"}}
API_KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hunter-key"}}
OAUTH = {
    "OAuthParameters": {
        "ClientParameters": {"ClientID": "shop", "ClientSecret": "hunter-client"},
        "AuthorizationEndpoint": "https://127.0.0.1:9/token",
        "HttpMethod": "POST",
        "OAuthHttpParameters": {
            "BodyParameters": [
                {"Key": "grant_type", "Value": "client_credentials", "IsValueSecret": False},
                {"Key": "pin", "Value": "hunter-pin", "IsValueSecret": True},
            ]
        },
    }
}
INVOCATION = {
    "InvocationHttpParameters": {
        "HeaderParameters": [
            {"Key": "X-Shop", "Value": "north", "IsValueSecret": False},
            {"Key": "X-Token", "Value": "hunter-header", "IsValueSecret": True},
        ],
        "QueryStringParameters": [{"Key": "page", "Value": "1"}],
        "BodyParameters": [{"Key": "sum", "Value": "hunter-body", "IsValueSecret": True}],
    }
}
PRIVATE = {
    "ResourceParameters": {
        "ResourceConfigurationArn": f"arn:aws:vpc-lattice:us-east-1:{ACCOUNT}:resourceconfiguration/rcfg-{'0' * 17}"
    }
}


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name() -> str:
    return f"c-{uuid4().hex[:8]}"


def made(events: Any, name: str, kind: str = "BASIC", auth: Any = None, **more: Any) -> dict[str, Any]:
    reply: dict[str, Any] = events.create_connection(
        Name=name, AuthorizationType=kind, AuthParameters=BASIC if auth is None else auth, **more
    )
    return reply


def described(events: Any, name: str) -> dict[str, Any]:
    reply: dict[str, Any] = events.describe_connection(Name=name)
    reply.pop("ResponseMetadata")
    return reply


def test_a_connection_from_its_creation_to_its_end(events: Any, name: str) -> None:
    reply = made(
        events,
        name,
        auth={**BASIC, **INVOCATION},
        Description="the shop",
        KmsKeyIdentifier="alias/aws/secretsmanager",
    )
    arn = reply["ConnectionArn"]
    assert re.fullmatch(f"arn:aws:events:us-east-1:{ACCOUNT}:connection/{name}/{UUID}", arn)
    assert reply["ConnectionState"] == "AUTHORIZED"
    assert reply["CreationTime"] == reply["LastModifiedTime"]
    shown = described(events, name)
    secret = shown.pop("SecretArn")
    prefix = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:events!connection/{name}/"
    assert re.fullmatch(re.escape(prefix) + UUID + "-[A-Za-z0-9]{6}", secret)
    assert shown.pop("LastAuthorizedTime") >= reply["CreationTime"]
    assert shown == {
        "Name": name,
        "ConnectionArn": arn,
        "ConnectionState": "AUTHORIZED",
        "AuthorizationType": "BASIC",
        "Description": "the shop",
        "KmsKeyIdentifier": "alias/aws/secretsmanager",
        "CreationTime": reply["CreationTime"],
        "LastModifiedTime": reply["LastModifiedTime"],
        "AuthParameters": {
            "BasicAuthParameters": {"Username": "shop"},
            "InvocationHttpParameters": {
                "HeaderParameters": [
                    {"Key": "X-Shop", "Value": "north", "IsValueSecret": False},
                    {"Key": "X-Token", "IsValueSecret": True},
                ],
                "QueryStringParameters": [{"Key": "page", "Value": "1", "IsValueSecret": False}],
                "BodyParameters": [{"Key": "sum", "IsValueSecret": True}],
            },
        },
    }
    gone = events.delete_connection(Name=name)
    assert (gone["ConnectionArn"], gone["ConnectionState"]) == (arn, "DELETING")
    assert refusal(events.describe_connection, Name=name) == (
        "ResourceNotFoundException",
        400,
        f"Failed to describe the connection(s). Connection '{name}' does not exist.",
    )


def test_an_api_key_is_shown_by_its_name_alone(events: Any, name: str) -> None:
    made(events, name, "API_KEY", API_KEY)
    shown = described(events, name)
    assert shown["AuthorizationType"] == "API_KEY"
    assert shown["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}


def test_of_oauth_parameters_no_secret_is_shown(events: Any, name: str) -> None:
    assert made(events, name, "OAUTH_CLIENT_CREDENTIALS", OAUTH)["ConnectionState"] == "AUTHORIZING"
    assert described(events, name)["AuthParameters"] == {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "shop"},
            "AuthorizationEndpoint": "https://127.0.0.1:9/token",
            "HttpMethod": "POST",
            "OAuthHttpParameters": {
                "BodyParameters": [
                    {"Key": "grant_type", "Value": "client_credentials", "IsValueSecret": False},
                    {"Key": "pin", "IsValueSecret": True},
                ]
            },
        }
    }


def test_a_name_is_taken_once(events: Any, name: str) -> None:
    made(events, name)
    assert refusal(events.create_connection, Name=name, AuthorizationType="BASIC", AuthParameters=BASIC) == (
        "ResourceAlreadyExistsException",
        400,
        f"Connection {name} already exists.",
    )


@pytest.mark.parametrize(
    ("kind", "auth", "message"),
    [
        ("BASIC", API_KEY, "BasicAuthParameters must be specified"),
        ("API_KEY", {}, "ApiKeyAuthParameters must be specified"),
        ("BASIC", {**BASIC, **API_KEY}, "ApiKeyAuthParameters must not be specified"),
        ("OAUTH_CLIENT_CREDENTIALS", BASIC, "OAuthParameters must be specified"),
        ("DIGEST", BASIC, "[BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"),
        ("BASIC", {"BasicAuthParameters": {"Username": "a:b", "Password": "p"}}, "basicAuthParameters.username"),
        ("BASIC", {**BASIC, "InvocationHttpParameters": {"BodyParameters": [{"Value": "v"}]}}, "must have a Key"),
    ],
)  # fmt: skip
def test_what_does_not_authorise_is_refused(
    events: Any, name: str, kind: str, auth: Any, message: str
) -> None:
    code, status, text = refusal(
        events.create_connection, Name=name, AuthorizationType=kind, AuthParameters=auth
    )
    assert (code, status) == ("ValidationException", 400)
    assert message in text
    assert "hunter" not in text


def test_a_password_that_breaks_a_constraint_is_not_repeated(events: Any, name: str) -> None:
    auth = {"BasicAuthParameters": {"Username": "shop", "Password": "hunter\n2"}}
    code, _, text = refusal(
        events.create_connection, Name=name, AuthorizationType="BASIC", AuthParameters=auth
    )
    assert code == "ValidationException"
    assert "hunter" not in text


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("https://auth.example.com/token", False),
        ("http://127.0.0.1:8080/token", False),
        ("http://localhost/token", False),
        ("http://10.1.2.3/token", False),
        ("http://keycloak:8080/token", False),
        ("http://auth.example.com/token", True),
        ("http://8.8.8.8/token", True),
        ("http://169.254.169.254/token", True),
        ("ftp://localhost/token", True),
        ("auth.example.com/token", True),
        ("https:///token", True),
        ("https://shop:pw@auth.example.com/token", True),
        ("https://auth.example.com:99999/token", True),
    ],
)
def test_tokens_come_over_https_or_from_near_by(events: Any, name: str, url: str, refused: bool) -> None:
    auth = {"OAuthParameters": {**OAUTH["OAuthParameters"], "AuthorizationEndpoint": url}}
    wanted = {"Name": name, "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": auth}
    if not refused:
        events.create_connection(**wanted)
        return
    code, _, text = refusal(events.create_connection, **wanted)
    assert code == "ValidationException"
    assert "AuthorizationEndpoint is not valid" in text


def test_private_connectivity_is_refused_by_name(events: Any, name: str) -> None:
    code, status, text = refusal(
        events.create_connection,
        Name=name,
        AuthorizationType="BASIC",
        AuthParameters=BASIC,
        InvocationConnectivityParameters=PRIVATE,
    )
    assert (code, status) == ("NotImplementedException", 501)
    assert "InvocationConnectivityParameters" in text
    made(events, name)
    for parameters in (
        {"InvocationConnectivityParameters": PRIVATE},
        {"AuthParameters": {"ConnectivityParameters": PRIVATE}},
    ):
        assert code_and_status(events.update_connection, Name=name, **parameters) == (
            "NotImplementedException",
            501,
        )


def test_an_update_changes_what_it_names(events: Any, name: str) -> None:
    first = made(events, name, auth={**BASIC, **INVOCATION}, Description="the shop")
    secret = described(events, name)["SecretArn"]
    reply = events.update_connection(
        Name=name, AuthParameters={"BasicAuthParameters": {"Username": "shop-2"}}
    )
    assert (reply["ConnectionArn"], reply["ConnectionState"]) == (first["ConnectionArn"], "AUTHORIZED")
    assert reply["LastModifiedTime"] >= first["LastModifiedTime"]
    shown = described(events, name)
    assert shown["Description"] == "the shop"
    assert shown["SecretArn"] == secret
    assert shown["AuthParameters"]["BasicAuthParameters"] == {"Username": "shop-2"}
    assert len(shown["AuthParameters"]["InvocationHttpParameters"]["HeaderParameters"]) == 2
    fewer: dict[str, Any] = {"InvocationHttpParameters": {"BodyParameters": []}}
    events.update_connection(Name=name, Description="", AuthParameters=fewer)
    shown = described(events, name)
    assert shown["AuthParameters"] == {
        "BasicAuthParameters": {"Username": "shop-2"},
        "InvocationHttpParameters": {"BodyParameters": []},
    }
    assert not shown.get("Description")


def test_another_type_needs_its_own_parameters(events: Any, name: str) -> None:
    made(events, name)
    code, _, text = refusal(events.update_connection, Name=name, AuthorizationType="API_KEY")
    assert code == "ValidationException"
    assert "ApiKeyAuthParameters" in text
    half = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}
    code, _, text = refusal(
        events.update_connection, Name=name, AuthorizationType="API_KEY", AuthParameters=half
    )
    assert "ApiKeyAuthParameters.ApiKeyValue must be specified" in text
    assert described(events, name)["AuthorizationType"] == "BASIC"
    events.update_connection(Name=name, AuthorizationType="API_KEY", AuthParameters=API_KEY)
    assert described(events, name)["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}


def test_a_deauthorized_connection_is_kept_without_its_secrets(events: Any, name: str) -> None:
    arn = made(events, name, Description="the shop")["ConnectionArn"]
    reply = events.deauthorize_connection(Name=name)
    assert (reply["ConnectionArn"], reply["ConnectionState"]) == (arn, "DEAUTHORIZED")
    shown = described(events, name)
    assert "AuthParameters" not in shown
    assert "SecretArn" not in shown
    assert shown["Description"] == "the shop"
    half = {"BasicAuthParameters": {"Username": "shop"}}
    assert code_and_status(events.update_connection, Name=name, AuthParameters=half) == (
        "ValidationException",
        400,
    )
    assert events.update_connection(Name=name, AuthParameters=BASIC)["ConnectionState"] == "AUTHORIZED"
    assert described(events, name)["ConnectionArn"] == arn


def test_what_is_not_there_is_not_found(events: Any) -> None:
    for call in (
        events.describe_connection,
        events.update_connection,
        events.deauthorize_connection,
        events.delete_connection,
    ):
        assert code_and_status(call, Name="none") == ("ResourceNotFoundException", 400)


def test_connections_are_listed_by_name_and_state(events: Any) -> None:
    prefix = f"l-{uuid4().hex[:8]}-"
    for at in range(5):
        made(events, f"{prefix}{at}")
    made(events, f"m{prefix}")
    events.deauthorize_connection(Name=f"{prefix}3")
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        reply = events.list_connections(NamePrefix=prefix, Limit=2, **token)
        assert len(reply["Connections"]) <= 2
        found += reply["Connections"]
        if "NextToken" not in reply:
            break
        token = {"NextToken": reply["NextToken"]}
    assert [one["Name"] for one in found] == [f"{prefix}{at}" for at in range(5)]
    assert set(found[0]) == {
        "Name", "ConnectionArn", "ConnectionState", "AuthorizationType", "CreationTime", "LastModifiedTime",
        "LastAuthorizedTime",
    }  # fmt: skip
    reply = events.list_connections(NamePrefix=prefix, ConnectionState="DEAUTHORIZED")
    assert [one["Name"] for one in reply["Connections"]] == [f"{prefix}3"]
    assert code_and_status(events.list_connections, NextToken="forged") == ("ValidationException", 400)


def test_connections_are_of_one_account_and_region(client: Client, events: Any, name: str) -> None:
    made(events, name)
    for other in (client("events", region="eu-west-1"), client("events", account="111111111111")):
        assert code_and_status(other.describe_connection, Name=name)[0] == "ResourceNotFoundException"


def test_secrets_lie_in_no_file_and_in_no_log(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = RunningNode(folder)
    events = first.client("events")
    kinds: dict[str, dict[str, Any]] = {"BASIC": BASIC, "API_KEY": API_KEY, "OAUTH_CLIENT_CREDENTIALS": OAUTH}
    for kind, auth in kinds.items():
        made(events, kind, kind, {**auth, **INVOCATION})
    events.update_connection(Name="BASIC", AuthParameters={"BasicAuthParameters": {"Password": "hunter-new"}})
    shown = {kind: described(events, kind) for kind in ("BASIC", "API_KEY")}
    first.kill()
    _hold_no_secret(folder)
    second = RunningNode(folder)
    try:
        events = second.client("events")
        assert {kind: described(events, kind) for kind in shown} == shown
    finally:
        assert second.stop() == 0
    _hold_no_secret(folder)
    assert "hunter" not in "".join(first.output + second.output)


def _hold_no_secret(folder: Path) -> None:
    names = {path.name for path in folder.rglob("*") if path.is_file()}
    assert ({"cluster.key"} if POSTGRES else {"nightbus.db", "vault.key"}) <= names
    kept = kept_contents(folder)
    assert b"X-Shop" in b"".join(kept.values())  # what is no secret is there to be read
    assert not [name for name, data in kept.items() if b"hunter" in data]
