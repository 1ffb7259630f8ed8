"""Roles and policies by boto3: made, attached, versioned, tagged, deleted; and what IAM refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from lambda_rig import trust

TRUST = json.dumps(trust("lambda.amazonaws.com"))
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


@pytest.fixture
def iam(client: Callable[..., Any]) -> Any:
    return client("iam")


@pytest.fixture
def role(iam: Any) -> str:
    name = f"role-{uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return name


def document(action: str = "s3:GetObject", resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def policy(iam: Any) -> str:
    made = iam.create_policy(PolicyName=f"policy-{uuid4().hex[:8]}", PolicyDocument=document())
    return str(made["Policy"]["Arn"])


def test_a_role_is_shown_as_it_was_made(iam: Any) -> None:
    name = f"Role-{uuid4().hex[:8]}"
    made = iam.create_role(
        RoleName=name,
        Path="/team/",
        AssumeRolePolicyDocument=TRUST,
        Description="for tests",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "shop"}],
        PermissionsBoundary=BASIC,
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::000000000000:role/team/{name}"
    assert made["RoleId"].startswith("AROA")
    shown = iam.get_role(RoleName=name)["Role"]
    assert shown["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert (shown["Description"], shown["MaxSessionDuration"], shown["Path"]) == ("for tests", 7200, "/team/")
    assert shown["Tags"] == [{"Key": "team", "Value": "shop"}]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == BASIC
    listed = iam.list_roles(PathPrefix="/team/")["Roles"]
    assert name in [one["RoleName"] for one in listed]
    assert all("Tags" not in one for one in listed)


def test_names_are_taken_whatever_their_case(iam: Any, role: str) -> None:
    for name in (role, role.upper()):
        told = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=TRUST)
        assert told == ("EntityAlreadyExists", 409, f"Role with name {name} already exists.")
    told = refusal(iam.get_role, RoleName="nobody")
    assert told == ("NoSuchEntity", 404, "The role with name nobody cannot be found.")


def test_a_role_is_changed(iam: Any, role: str) -> None:
    iam.update_role(RoleName=role, Description="new", MaxSessionDuration=3700)
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust("events.amazonaws.com")))
    shown = iam.get_role(RoleName=role)["Role"]
    assert (shown["Description"], shown["MaxSessionDuration"]) == ("new", 3700)
    principal = shown["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal == {"Service": "events.amazonaws.com"}
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=BASIC)
    assert "PermissionsBoundary" in iam.get_role(RoleName=role)["Role"]
    iam.delete_role_permissions_boundary(RoleName=role)
    assert "PermissionsBoundary" not in iam.get_role(RoleName=role)["Role"]


def test_inline_policies(iam: Any, role: str) -> None:
    iam.put_role_policy(RoleName=role, PolicyName="read", PolicyDocument=document())
    got = iam.get_role_policy(RoleName=role, PolicyName="read")
    assert got["PolicyDocument"] == json.loads(document())
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["read"]
    told = refusal(iam.delete_role, RoleName=role)
    assert told == ("DeleteConflict", 409, "Cannot delete entity, must delete policies first.")
    large = document(resource="arn:aws:s3:::" + "x" * 10_240)
    told = refusal(iam.put_role_policy, RoleName=role, PolicyName="large", PolicyDocument=large)
    assert told == ("LimitExceeded", 409, f"Maximum policy size of 10240 bytes exceeded for role {role}")
    iam.delete_role_policy(RoleName=role, PolicyName="read")
    told = refusal(iam.get_role_policy, RoleName=role, PolicyName="read")
    assert told == ("NoSuchEntity", 404, "The role policy with name read cannot be found.")
    iam.delete_role(RoleName=role)


def test_attached_policies(iam: Any, role: str, policy: str) -> None:
    for arn in (policy, BASIC, policy):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert sorted(one["PolicyArn"] for one in attached) == sorted([policy, BASIC])
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 1
    entities = iam.list_entities_for_policy(PolicyArn=policy)["PolicyRoles"]
    assert [one["RoleName"] for one in entities] == [role]
    told = refusal(iam.delete_role, RoleName=role)
    assert told == ("DeleteConflict", 409, "Cannot delete entity, must detach all policies first.")
    told = refusal(iam.delete_policy, PolicyArn=policy)
    assert told == ("DeleteConflict", 409, "Cannot delete a policy attached to entities.")
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    told = refusal(iam.detach_role_policy, RoleName=role, PolicyArn=policy)
    assert told == ("NoSuchEntity", 404, f"Policy {policy} was not found.")
    iam.delete_policy(PolicyArn=policy)
    for arn in (policy, "arn:aws:iam::aws:policy/NoSuchThing"):
        told = refusal(iam.attach_role_policy, RoleName=role, PolicyArn=arn)
        assert told == ("NoSuchEntity", 404, f"Policy {arn} does not exist or is not attachable.")


def test_only_ten_policies_are_attached(iam: Any, role: str) -> None:
    known = iam.list_policies(Scope="AWS", MaxItems=200)["Policies"]
    arns = [one["Arn"] for one in known if one["IsAttachable"]][:11]
    for arn in arns[:10]:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    told = refusal(iam.attach_role_policy, RoleName=role, PolicyArn=arns[10])
    assert told == ("LimitExceeded", 409, "Cannot exceed quota for PoliciesPerRole: 10")


def test_many_roles_attach_one_policy_at_once(iam: Any, policy: str) -> None:
    names = [f"many-{uuid4().hex[:8]}" for _ in range(8)]

    def make(name: str) -> None:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
        iam.attach_role_policy(RoleName=name, PolicyArn=policy)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, names))
    assert iam.get_policy(PolicyArn=policy)["Policy"]["AttachmentCount"] == 8
    pages = iam.get_paginator("list_entities_for_policy").paginate(
        PolicyArn=policy, PaginationConfig={"PageSize": 3}
    )
    found = [one["RoleName"] for page in pages for one in page["PolicyRoles"]]
    assert sorted(found) == sorted(names)


def test_versions_of_a_policy(iam: Any, policy: str) -> None:
    for number in range(2, 6):
        made = iam.create_policy_version(PolicyArn=policy, PolicyDocument=document(f"s3:Get{number}"))
        assert made["PolicyVersion"]["VersionId"] == f"v{number}"
    told = refusal(iam.create_policy_version, PolicyArn=policy, PolicyDocument=document())
    assert told[0] == "LimitExceeded"
    listed = iam.list_policy_versions(PolicyArn=policy)["Versions"]
    assert [one["VersionId"] for one in listed] == ["v5", "v4", "v3", "v2", "v1"]
    iam.set_default_policy_version(PolicyArn=policy, VersionId="v3")
    assert iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"] == "v3"
    got = iam.get_policy_version(PolicyArn=policy, VersionId="v3")["PolicyVersion"]
    assert got["IsDefaultVersion"]
    assert got["Document"] == json.loads(document("s3:Get3"))
    told = refusal(iam.delete_policy_version, PolicyArn=policy, VersionId="v3")
    assert told == ("DeleteConflict", 409, "Cannot delete the default version of a policy.")
    assert refusal(iam.delete_policy, PolicyArn=policy)[0] == "DeleteConflict"
    for version in ("v1", "v2", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=policy, VersionId=version)
    iam.delete_policy(PolicyArn=policy)
    told = refusal(iam.get_policy, PolicyArn=policy)
    assert told == ("NoSuchEntity", 404, f"Policy {policy} was not found.")


def test_aws_policies_are_known_as_far_as_their_text_is(iam: Any) -> None:
    shown = iam.get_policy(PolicyArn=BASIC)["Policy"]
    assert (shown["PolicyName"], shown["Path"]) == ("AWSLambdaBasicExecutionRole", "/service-role/")
    version = iam.get_policy_version(PolicyArn=BASIC, VersionId=shown["DefaultVersionId"])["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Resource"] == "*"
    unknown = "arn:aws:iam::aws:policy/AmazonEC2FullAccess"
    code, status, message = refusal(iam.get_policy_version, PolicyArn=unknown, VersionId="v1")
    assert (code, status) == ("NotImplementedException", 501)
    assert unknown in message
    linked = "arn:aws:iam::aws:policy/aws-service-role/APIGatewayServiceRolePolicy"
    name = f"role-{uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    assert refusal(iam.attach_role_policy, RoleName=name, PolicyArn=linked)[0] == "PolicyNotAttachable"


def test_tags(iam: Any, role: str, policy: str) -> None:
    iam.tag_role(RoleName=role, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    iam.tag_role(RoleName=role, Tags=[{"Key": "A", "Value": "3"}])
    iam.untag_role(RoleName=role, TagKeys=["b"])
    assert iam.list_role_tags(RoleName=role)["Tags"] == [{"Key": "A", "Value": "3"}]
    iam.tag_policy(PolicyArn=policy, Tags=[{"Key": "a", "Value": "1"}])
    assert iam.list_policy_tags(PolicyArn=policy)["Tags"] == [{"Key": "a", "Value": "1"}]
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refusal(iam.tag_role, RoleName=role, Tags=twice)[0] == "InvalidInput"


def test_malformed_documents(iam: Any, role: str) -> None:
    told = refusal(iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument="{")
    assert told == ("MalformedPolicyDocument", 400, "Syntax errors in policy.")
    told = refusal(iam.create_role, RoleName="never", AssumeRolePolicyDocument=document())
    assert told == ("MalformedPolicyDocument", 400, "Has prohibited field Resource")
    told = refusal(iam.put_role_policy, RoleName=role, PolicyName="p", PolicyDocument=TRUST)
    assert told == ("MalformedPolicyDocument", 400, "Policy document should not specify a principal.")


def test_accounts_are_apart(client: Callable[..., Any], iam: Any, role: str) -> None:
    other = client("iam", account="111122223333")
    assert refusal(other.get_role, RoleName=role)[0] == "NoSuchEntity"
    made = other.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)["Role"]
    assert made["Arn"] == f"arn:aws:iam::111122223333:role/{role}"
    assert client("iam", region="eu-west-1").get_role(RoleName=role)["Role"]["RoleName"] == role


def test_a_new_account_has_a_root_and_no_users(client: Callable[..., Any]) -> None:
    iam = client("iam", account="999900001111")
    assert iam.get_user()["User"]["Arn"] == "arn:aws:iam::999900001111:root"
    assert iam.list_users()["Users"] == []
    assert iam.list_account_aliases()["AccountAliases"] == []
    told = refusal(iam.get_user, UserName="ann")
    assert told == ("NoSuchEntity", 404, "The user with name ann cannot be found.")
