"""Each call by which a principal could get more rights needs its own action on just its resource, and IAM's keys hold.

The calls: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagement.html
("Permissions management").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
IAM = f"arn:aws:iam::{ACCOUNT}:"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
ROOT = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str = "*", **condition: Any) -> dict[str, Any]:
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


EVERYTHING = document(allow("*"))
TRUST = document(ROOT)


class World:
    """An attacker, and two of each entity: `mine` that they have a right to, and `other`."""

    def __init__(self, client: Clients) -> None:
        self.iam, self.client, self.tail = client("iam"), client, uuid4().hex[:8]
        self.attacker = f"attacker-{self.tail}"
        self.iam.create_user(UserName=self.attacker)
        key = self.iam.create_access_key(UserName=self.attacker)["AccessKey"]
        self.keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self.policies = {}
        for which in ("mine", "other"):
            name = self.name(which)
            self.iam.create_user(UserName=name, Path="/team/")
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Path="/team/")
            self.iam.create_group(GroupName=name, Path="/team/")
            made = self.iam.create_policy(PolicyName=name, PolicyDocument=document(allow("s3:*")))
            self.policies[which] = made["Policy"]["Arn"]
            self.iam.create_policy_version(PolicyArn=self.policies[which], PolicyDocument=EVERYTHING)

    def name(self, which: str) -> str:
        return f"{which}-{self.tail}"

    def may(self, *statements: dict[str, Any]) -> Any:
        text = document(*statements)
        self.iam.put_user_policy(UserName=self.attacker, PolicyName="p", PolicyDocument=text)
        return self.client("iam", **self.keys)

    def params(self, which: str, wanted: dict[str, Any]) -> dict[str, Any]:
        filled = {"NAME": self.name(which), "POLICY": self.policies[which]}
        return {
            name: filled.get(value, value) if isinstance(value, str) else value
            for name, value in wanted.items()
        }


@pytest.fixture(scope="module")
def world(node: Any) -> World:
    return World(node.client)


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("CreatePolicyVersion", "policy", {"PolicyArn": "POLICY", "PolicyDocument": EVERYTHING}),
    ("SetDefaultPolicyVersion", "policy", {"PolicyArn": "POLICY", "VersionId": "v2"}),
    ("CreateAccessKey", "user", {"UserName": "NAME"}),
    ("AttachUserPolicy", "user", {"UserName": "NAME", "PolicyArn": ADMIN}),
    ("AttachGroupPolicy", "group", {"GroupName": "NAME", "PolicyArn": ADMIN}),
    ("AttachRolePolicy", "role", {"RoleName": "NAME", "PolicyArn": ADMIN}),
    ("PutUserPolicy", "user", {"UserName": "NAME", "PolicyName": "x", "PolicyDocument": EVERYTHING}),
    ("PutGroupPolicy", "group", {"GroupName": "NAME", "PolicyName": "x", "PolicyDocument": EVERYTHING}),
    ("PutRolePolicy", "role", {"RoleName": "NAME", "PolicyName": "x", "PolicyDocument": EVERYTHING}),
    ("AddUserToGroup", "group", {"GroupName": "NAME", "UserName": "NAME"}),
    ("UpdateAssumeRolePolicy", "role", {"RoleName": "NAME", "PolicyDocument": TRUST}),
    ("PutUserPermissionsBoundary", "user", {"UserName": "NAME", "PermissionsBoundary": ADMIN}),
    ("PutRolePermissionsBoundary", "role", {"RoleName": "NAME", "PermissionsBoundary": ADMIN}),
    ("DeleteUserPermissionsBoundary", "user", {"UserName": "NAME"}),
    ("DeleteRolePermissionsBoundary", "role", {"RoleName": "NAME"}),
    ("TagRole", "role", {"RoleName": "NAME", "Tags": [{"Key": "a", "Value": "b"}]}),
    ("DetachRolePolicy", "role", {"RoleName": "NAME", "PolicyArn": ADMIN}),
    ("DeleteRolePolicy", "role", {"RoleName": "NAME", "PolicyName": "x"}),
]


@pytest.mark.parametrize(("operation", "kind", "wanted"), CALLS, ids=[call[0] for call in CALLS])
def test_a_call_needs_its_action_on_its_resource(
    world: World, operation: str, kind: str, wanted: dict[str, Any]
) -> None:
    arn = world.policies["mine"] if kind == "policy" else f"{IAM}{kind}/team/{world.name('mine')}"
    method = "".join(f"_{one.lower()}" if one.isupper() else one for one in operation).lstrip("_")
    own, others = world.params("mine", wanted), world.params("other", wanted)
    all_but_this = {"Effect": "Allow", "NotAction": f"iam:{operation}", "Resource": "*"}
    assert refusal(getattr(world.may(all_but_this), method), **own)[:2] == ("AccessDenied", 403)
    iam = world.may(allow(f"iam:{operation}", arn))
    assert refusal(getattr(iam, method), **others)[0] == "AccessDenied"
    getattr(iam, method)(**own)


def test_only_the_policies_of_a_condition_are_attached(world: World) -> None:
    iam = world.may(allow("iam:AttachUserPolicy", ArnEquals={"iam:PolicyARN": READ_ONLY}))
    iam.attach_user_policy(UserName=world.attacker, PolicyArn=READ_ONLY)
    assert refusal(iam.attach_user_policy, UserName=world.attacker, PolicyArn=ADMIN)[0] == "AccessDenied"


def test_who_must_set_a_boundary_cannot_make_a_role_without_it_or_free_one(world: World) -> None:
    condition: dict[str, Any] = {"StringEquals": {"iam:PermissionsBoundary": READ_ONLY}}
    actions = ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary")
    iam = world.may(*(allow(f"iam:{action}", **condition) for action in actions))
    name = f"bounded-{world.tail}"
    asked = {"RoleName": name, "AssumeRolePolicyDocument": TRUST}
    assert refusal(iam.create_role, **asked)[0] == "AccessDenied"
    assert refusal(iam.create_role, **asked, PermissionsBoundary=ADMIN)[0] == "AccessDenied"
    iam.create_role(**asked, PermissionsBoundary=READ_ONLY)
    iam.put_role_policy(RoleName=name, PolicyName="x", PolicyDocument=EVERYTHING)
    free = {"RoleName": world.name("other"), "PolicyName": "x", "PolicyDocument": EVERYTHING}
    assert refusal(iam.put_role_policy, **free)[0] == "AccessDenied"
    told = refusal(iam.put_role_permissions_boundary, RoleName=name, PermissionsBoundary=ADMIN)
    assert told[0] == "AccessDenied"
    assert refusal(iam.delete_role_permissions_boundary, RoleName=name)[0] == "AccessDenied"


def test_a_passed_role_needs_its_service(world: World) -> None:
    arn = f"{IAM}role/team/{world.name('mine')}"
    world.iam.create_instance_profile(InstanceProfileName=world.name("mine"))
    chosen = {"InstanceProfileName": world.name("mine"), "RoleName": world.name("mine")}
    add = allow("iam:AddRoleToInstanceProfile")
    passing: dict[str, Any] = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    for statements in ([add], [add, allow("iam:PassRole", arn, **passing)]):
        told = refusal(world.may(*statements).add_role_to_instance_profile, **chosen)
        assert told[0] == "AccessDenied"
        assert f"iam:PassRole on resource: {arn}" in told[2]
    world.may(add, allow("iam:PassRole", arn)).add_role_to_instance_profile(**chosen)


def test_a_session_that_is_older_than_its_revocation_is_refused(world: World, client: Clients) -> None:
    """As the console's "Revoke active sessions" does it:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html"""
    name = f"revoked-{world.tail}"
    arn = world.iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    world.iam.attach_role_policy(RoleName=name, PolicyArn=ADMIN)
    issued = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    sqs = client(
        "sqs",
        aws_access_key_id=issued["AccessKeyId"],
        aws_secret_access_key=issued["SecretAccessKey"],
        aws_session_token=issued["SessionToken"],
    )
    sqs.list_queues()
    older = {"DateLessThan": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"}}
    revoked = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": older}
    world.iam.put_role_policy(
        RoleName=name, PolicyName="AWSRevokeOlderSessions", PolicyDocument=document(revoked)
    )
    told = refusal(sqs.list_queues)
    assert "explicit deny in an identity-based policy" in told[2]


def test_a_trust_policy_sees_the_session_and_the_tags_of_the_request(world: World, client: Clients) -> None:
    condition = {"StringEquals": {"sts:RoleSessionName": "me", "aws:RequestTag/team": "red"}}
    both = {**ROOT, "Action": ["sts:AssumeRole", "sts:TagSession"], "Condition": condition}
    name = f"trusting-{world.tail}"
    made = world.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(both))
    asked = {"RoleArn": made["Role"]["Arn"], "Tags": [{"Key": "team", "Value": "red"}]}
    sts = client("sts")
    assert refusal(sts.assume_role, **asked, RoleSessionName="you")[:2] == ("AccessDenied", 403)
    assert refusal(sts.assume_role, RoleArn=asked["RoleArn"], RoleSessionName="me")[0] == "AccessDenied"
    assert sts.assume_role(**asked, RoleSessionName="me")["AssumedRoleUser"]


def test_who_calls_needs_no_permission_and_keys_name_their_account(world: World, client: Clients) -> None:
    nothing = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    world.may(nothing)
    sts = client("sts", **world.keys)
    assert sts.get_caller_identity()["Arn"] == f"{IAM}user/{world.attacker}"
    assert refusal(sts.get_access_key_info, AccessKeyId=world.keys["aws_access_key_id"])[0] == "AccessDenied"
    info = client("sts", account="111122223333").get_access_key_info(
        AccessKeyId=world.keys["aws_access_key_id"]
    )
    assert info["Account"] == ACCOUNT
    told = refusal(client("sts").decode_authorization_message, EncodedMessage="x")
    assert told[:2] == ("InvalidAuthorizationMessageException", 400)
