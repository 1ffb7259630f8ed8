"""Sessions by boto3: what they carry, chains of roles, and sessions that are over."""

from __future__ import annotations

import json
from collections.abc import Callable
from secrets import token_hex
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Client = Callable[..., Any]
READ = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}
)
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ANY = {"AWS": "*"}


def role_for(client: Client, actions: list[str], name: str | None = None) -> str:
    statement = {"Effect": "Allow", "Principal": ANY, "Action": actions}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    name = name or f"session-{uuid4().hex[:8]}"
    return str(client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


@pytest.fixture(scope="module")
def open_role(node: Any) -> str:
    return role_for(node.client, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])


def session(client: Client, service: str, credentials: dict[str, Any]) -> Any:
    return client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def tags(**values: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in values.items()]


def test_a_session_carries_policies_tags_and_a_source_identity(client: Client, open_role: str) -> None:
    made = client("sts").assume_role(
        RoleArn=open_role,
        RoleSessionName="me",
        Policy=READ,
        PolicyArns=[{"arn": READ_ONLY}],
        Tags=tags(team="shop"),
        TransitiveTagKeys=["team"],
        SourceIdentity="alice",
    )
    assert made["SourceIdentity"] == "alice"
    assert 0 < made["PackedPolicySize"] < 10
    plain = client("sts").assume_role(RoleArn=open_role, RoleSessionName="me")
    assert not {"PackedPolicySize", "SourceIdentity"} & set(plain)


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({"Policy": READ + " " * 2048}, "ValidationError", "less than or equal to 2048"),
        ({"PolicyArns": [{"arn": READ_ONLY}] * 11}, "ValidationError", "less than or equal to 10"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None"}]}, "ValidationError", "does not exist"),
        ({"Policy": '{"Statement": 1}'}, "MalformedPolicyDocument", "Syntax errors in policy."),
        ({"Tags": tags(a="1", A="2")}, "InvalidParameterValue", "Duplicate tag keys found"),
        ({"Tags": tags(a="1"), "TransitiveTagKeys": ["b"]}, "InvalidParameterValue", "must be included"),
        (
            {"Tags": [{"Key": token_hex(60), "Value": token_hex(120)} for _ in range(50)]},
            "PackedPolicyTooLarge",
            "of allotted space",
        ),
    ],
)
def test_what_a_session_cannot_carry(
    client: Client, open_role: str, params: dict[str, Any], code: str, text: str
) -> None:
    told = refusal(client("sts").assume_role, RoleArn=open_role, RoleSessionName="me", **params)
    assert (told[0], text in told[2]) == (code, True), told


@pytest.mark.parametrize(
    ("params", "action"),
    [({"Tags": tags(a="1")}, "sts:TagSession"), ({"SourceIdentity": "alice"}, "sts:SetSourceIdentity")],
)
def test_tags_and_source_identities_need_actions_of_their_own(
    client: Client, params: dict[str, Any], action: str
) -> None:
    arn = role_for(client, ["sts:AssumeRole"])
    code, status, message = refusal(client("sts").assume_role, RoleArn=arn, RoleSessionName="me", **params)
    assert (code, status) == ("AccessDenied", 403)
    assert f"is not authorized to perform: {action}" in message


def test_a_chain_keeps_transitive_tags_and_the_source_identity(client: Client, open_role: str) -> None:
    first = client("sts").assume_role(
        RoleArn=open_role,
        RoleSessionName="one",
        Tags=tags(team="shop", stage="test"),
        TransitiveTagKeys=["Team"],
        SourceIdentity="alice",
    )["Credentials"]
    chained = session(client, "sts", first)
    second = chained.assume_role(RoleArn=open_role, RoleSessionName="two", Tags=tags(stage="live"))
    assert second["SourceIdentity"] == "alice"
    third = session(client, "sts", second["Credentials"])
    told = refusal(third.assume_role, RoleArn=open_role, RoleSessionName="three", Tags=tags(TEAM="other"))
    assert told[0] == "InvalidParameterValue"
    assert "conflicts with a transitive tag key" in told[2]
    told = refusal(third.assume_role, RoleArn=open_role, RoleSessionName="three", SourceIdentity="bob")
    assert "source identity" in told[2]


def test_a_session_is_over_with_its_role(client: Client) -> None:
    name = f"session-{uuid4().hex[:8]}"
    arn = role_for(client, ["sts:AssumeRole"], name)
    issued = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    sts = session(client, "sts", issued)
    sts.get_caller_identity()
    client("iam").delete_role(RoleName=name)
    over = ("InvalidClientTokenId", 403, "The security token included in the request is invalid.")
    assert refusal(sts.get_caller_identity) == over
    role_for(client, ["sts:AssumeRole"], name)
    assert refusal(sts.get_caller_identity) == over


def test_federated_users(client: Client) -> None:
    made = client("sts").get_federation_token(Name="guest", Policy=READ, DurationSeconds=900)
    assert made["FederatedUser"] == {
        "FederatedUserId": "000000000000:guest",
        "Arn": "arn:aws:sts::000000000000:federated-user/guest",
    }
    assert made["PackedPolicySize"] > 0
    sts = session(client, "sts", made["Credentials"])
    assert sts.get_caller_identity()["Arn"] == made["FederatedUser"]["Arn"]
    assert refusal(sts.get_federation_token, Name="again")[0] == "InvalidClientTokenId"
    assert refusal(session(client, "iam", made["Credentials"]).list_users)[0] == "InvalidClientTokenId"


def test_what_a_session_token_may_not_call(client: Client) -> None:
    iam, name = client("iam"), f"user-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    own = client("sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    issued = own.get_session_token()["Credentials"]
    sts = session(client, "sts", issued)
    assert sts.get_caller_identity()["Arn"].endswith(f":user/{name}")
    assert refusal(sts.get_session_token)[0] == "InvalidClientTokenId"
    assert refusal(session(client, "iam", issued).get_user)[0] == "InvalidClientTokenId"
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)
    assert refusal(sts.get_caller_identity)[0] == "InvalidClientTokenId"
