"""Identities by boto3: who calls, and roles that are assumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from lambda_rig import allow

Client = Callable[..., Any]


def trusting(principal: dict[str, str], **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def make_role(client: Client) -> Callable[..., str]:
    def make(document: str, **params: Any) -> str:
        name = f"assumed-{uuid4().hex[:8]}"
        made = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document, **params)
        return str(made["Role"]["Arn"])

    return make


def session(client: Client, service: str, credentials: dict[str, Any]) -> Any:
    return client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_a_key_of_twelve_digits_names_its_account(client: Client) -> None:
    who = client("sts", account="111122223333").get_caller_identity()
    assert (who["Account"], who["Arn"]) == ("111122223333", "arn:aws:iam::111122223333:root")


def test_a_role_is_assumed(client: Client, make_role: Callable[..., str]) -> None:
    arn = make_role(trusting({"AWS": "arn:aws:iam::000000000000:root"}))
    assumed = client("sts").assume_role(RoleArn=arn, RoleSessionName="me", DurationSeconds=900)
    name = arn.rsplit("/", 1)[1]
    assert assumed["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::000000000000:assumed-role/{name}/me"
    left = assumed["Credentials"]["Expiration"] - datetime.now(UTC)
    assert 800 < left.total_seconds() <= 900
    sts = session(client, "sts", assumed["Credentials"])
    who = sts.get_caller_identity()
    assert who["Arn"] == assumed["AssumedRoleUser"]["Arn"]
    assert who["UserId"] == assumed["AssumedRoleUser"]["AssumedRoleId"]
    info = client("sts").get_access_key_info(AccessKeyId=assumed["Credentials"]["AccessKeyId"])
    assert info["Account"] == "000000000000"
    assert refusal(sts.get_session_token)[0] == "AccessDenied"


def test_another_account_assumes_and_then_is_in_the_roles(
    client: Client, make_role: Callable[..., str]
) -> None:
    arn = make_role(trusting({"AWS": "111122223333"}))
    assumed = client("sts", account="111122223333").assume_role(RoleArn=arn, RoleSessionName="guest")
    who = session(client, "sts", assumed["Credentials"]).get_caller_identity()
    assert who["Account"] == "000000000000"


@pytest.mark.parametrize(
    "arn", ["a" * 20, "arn:aws:iam".ljust(20, "x"), "arn:aws:iam::role/somebody", ":" * 20]
)
def test_what_is_not_the_arn_of_a_role_is_invalid(client: Client, arn: str) -> None:
    code, status, _ = refusal(client("sts").assume_role, RoleArn=arn, RoleSessionName="nonsense")
    assert (code, status) == ("ValidationError", 400)


def test_who_is_not_trusted_is_refused(client: Client, make_role: Callable[..., str]) -> None:
    sts = client("sts")
    for arn in (
        make_role(trusting({"Service": "lambda.amazonaws.com"})),
        make_role(trusting({"AWS": "111122223333"})),
        "arn:aws:iam::000000000000:role/nobody",
    ):
        code, status, message = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="me")
        assert (code, status) == ("AccessDenied", 403)
        assert message == (
            "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on resource: "
            + arn
        )


def test_the_external_id_must_be_the_agreed_one(client: Client, make_role: Callable[..., str]) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "agreed"}}
    arn = make_role(trusting({"AWS": "*"}, Condition=condition))
    sts = client("sts")
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="me")[0] == "AccessDenied"
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="me", ExternalId="no")[0] == "AccessDenied"
    sts.assume_role(RoleArn=arn, RoleSessionName="me", ExternalId="agreed")


def test_sessions_are_as_long_as_the_role_lets_them(client: Client, make_role: Callable[..., str]) -> None:
    arn = make_role(trusting({"AWS": "000000000000"}), MaxSessionDuration=7200)
    sts = client("sts")
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="me", DurationSeconds=7201) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )
    first = sts.assume_role(RoleArn=arn, RoleSessionName="me", DurationSeconds=7200)["Credentials"]
    allow(client("iam"), arn.rsplit("/", 1)[-1], "sts:AssumeRole")
    chained = session(client, "sts", first)
    assert refusal(chained.assume_role, RoleArn=arn, RoleSessionName="me", DurationSeconds=3601) == (
        "ValidationError",
        400,
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    )
    chained.assume_role(RoleArn=arn, RoleSessionName="me", DurationSeconds=3600)


def test_a_session_token_keeps_the_caller(client: Client) -> None:
    credentials = client("sts", account="111122223333").get_session_token()["Credentials"]
    who = session(client, "sts", credentials).get_caller_identity()
    assert who["Arn"] == "arn:aws:iam::111122223333:root"


def test_what_is_not_there_is_named(client: Client, make_role: Callable[..., str]) -> None:
    sts = client("sts")
    arn = make_role(trusting({"AWS": "*"}))
    web = {"RoleArn": arn, "RoleSessionName": "me", "WebIdentityToken": "abcd"}
    code, status, message = refusal(sts.assume_role_with_web_identity, **web)
    assert (code, status) == ("NotImplementedException", 501)
    assert "sts:AssumeRoleWithWebIdentity" in message
    wrong = refusal(sts.assume_role, RoleArn="arn:aws:s3:::not-a-role", RoleSessionName="me")
    assert wrong == ("ValidationError", 400, "arn:aws:s3:::not-a-role is invalid")
