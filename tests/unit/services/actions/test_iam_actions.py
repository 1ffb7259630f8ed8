"""What the operations of AWS IAM and STS need, with the paths that only the records of entities have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actions_rig import ACCOUNT, CALL, OTHER, keys, needed, pairs, resolved
from bus_rig import Rig, rig
from nightbus.identity.principals import Principals

IAM = f"arn:aws:iam::{ACCOUNT}:"
ROLE = f"arn:aws:iam::{OTHER}:role/r"
BOUNDARY = f"{IAM}policy/bound"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("CreateRole", {"RoleName": "r", "Path": "/app/"}, [("CreateRole", f"{IAM}role/app/r")]),
        (
            "CreateUser",
            {"UserName": "u", "Tags": [{"Key": "a", "Value": "b"}]},
            [("CreateUser", f"{IAM}user/u"), ("TagUser", f"{IAM}user/u")],
        ),
        ("GetUser", {}, [("GetUser", f"{IAM}root")]),
        ("AttachRolePolicy", {"RoleName": "r", "PolicyArn": "p"}, [("AttachRolePolicy", f"{IAM}role/r")]),
        ("ListRoles", {"PathPrefix": "/app/"}, [("ListRoles", "*")]),
        (
            "GetPolicy",
            {"PolicyArn": "arn:aws:iam::aws:policy/X"},
            [("GetPolicy", "arn:aws:iam::aws:policy/X")],
        ),
        (
            "AddRoleToInstanceProfile",
            {"InstanceProfileName": "i", "RoleName": "r"},
            [("AddRoleToInstanceProfile", f"{IAM}instance-profile/i"), ("PassRole", f"{IAM}role/r")],
        ),
        ("UpdateUser", {"UserName": "u"}, [("UpdateUser", f"{IAM}user/u")]),
        (
            "UpdateUser",
            {"UserName": "u", "NewPath": "/a/", "NewUserName": "v"},
            [("UpdateUser", f"{IAM}user/u"), ("UpdateUser", f"{IAM}user/a/v")],
        ),
    ],
)
def test_iam(operation: str, params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert pairs("iam", operation, **params) == expected


def test_condition_keys_of_iam() -> None:
    assert keys("iam", "CreateRole", RoleName="r", PermissionsBoundary="b")["iam:permissionsboundary"] == "b"
    assert keys("iam", "AttachUserPolicy", UserName="u", PolicyArn="p") == {"iam:policyarn": "p"}
    assert (
        keys("iam", "TagRole", RoleName="r", Tags=[{"Key": "Team", "Value": "x"}])["aws:requesttag/team"]
        == "x"
    )


async def test_the_record_of_an_entity_says_its_path_boundary_and_tags(tmp_path: Path) -> None:
    async with rig(tmp_path) as made:
        await _entities_with_paths(made)


async def _entities_with_paths(aws: Rig) -> None:
    tags = [{"Key": "Team", "Value": "x"}]
    await call(aws, "iam", "CreatePolicy", PolicyName="bound", PolicyDocument=_policy())
    await call(
        aws,
        "iam",
        "CreateRole",
        RoleName="deep",
        Path="/a/b/",
        AssumeRolePolicyDocument=TRUST,
        PermissionsBoundary=BOUNDARY,
        Tags=tags,
    )
    await call(aws, "iam", "CreateUser", UserName="u", Path="/p/")
    key = (await call(aws, "iam", "CreateAccessKey", UserName="u"))["AccessKey"]["AccessKeyId"]
    [need] = await resolved(aws, "iam", "PutRolePolicy", RoleName="deep", PolicyName="x")
    assert need.resource == f"{IAM}role/a/b/deep"
    assert need.keys == {"iam:permissionsboundary": BOUNDARY, "iam:resourcetag/team": "x"}
    [need] = await resolved(aws, "iam", "GetAccessKeyLastUsed", AccessKeyId=key)
    assert need.resource == f"{IAM}user/p/u"
    own, new = await resolved(aws, "iam", "UpdateUser", UserName="u", NewPath="/q/")
    assert (own.resource, new.resource) == (f"{IAM}user/p/u", f"{IAM}user/q/u")
    [need] = await resolved(aws, "iam", "CreateRole", RoleName="deep", Path="/c/")
    assert need.resource == f"{IAM}role/c/deep"
    principals = Principals(aws.store)
    assert await principals.role_of(f"{IAM}role/a/b/deep") is not None
    for other in "role/deep", "role/a/deep", "role/a/b/DEEP":
        assert await principals.role_of(f"{IAM}{other}") is None
    [need] = await resolved(aws, "iam", "GetRole", RoleName="absent")
    assert need.resource == f"{IAM}role/absent"


async def call(aws: Rig, service: str, operation: str, **params: Any) -> dict[str, Any]:
    return await aws.operations.call(service, operation, params, CALL)


def _policy() -> str:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_sts() -> None:
    session = {"RoleArn": ROLE, "RoleSessionName": "s", "ExternalId": "e"}
    assert pairs("sts", "AssumeRole", **session) == [("AssumeRole", ROLE)]
    found = keys("sts", "AssumeRole", **session)
    assert (found["sts:externalid"], found["sts:rolesessionname"], found["sts:sourceidentity"]) == (
        "e",
        "s",
        "",
    )
    tagged = needed("sts", "AssumeRole", **session, Tags=[{"Key": "A", "Value": "b"}], SourceIdentity="me")
    assert [need.action for need in tagged] == ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    assert tagged[1].keys["aws:requesttag/a"] == "b"
    assert pairs("sts", "GetFederationToken", Name="f") == [
        ("GetFederationToken", f"arn:aws:sts::{ACCOUNT}:federated-user/f")
    ]
    assert needed("sts", "GetCallerIdentity") == needed("sts", "GetSessionToken", DurationSeconds=900) == []
