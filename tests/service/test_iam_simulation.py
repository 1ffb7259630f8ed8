"""SimulatePrincipalPolicy and SimulateCustomPolicy by boto3, and the context keys of policies."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from lambda_rig import trust

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
KEY = "arn:aws:s3:::bucket/key"


def policy(action: str, resource: str = "*", effect: str = "Allow", **more: Any) -> str:
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def iam(client: Clients) -> Any:
    return client("iam")


@pytest.fixture
def user(iam: Any) -> str:
    name = f"user-{uuid4().hex[:8]}"
    arn = iam.create_user(UserName=name, Tags=[{"Key": "team", "Value": "red"}])["User"]["Arn"]
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy("sqs:SendMessage"))
    iam.create_group(GroupName=f"{name}-group")
    iam.add_user_to_group(GroupName=f"{name}-group", UserName=name)
    iam.attach_group_policy(GroupName=f"{name}-group", PolicyArn=READ_ONLY)
    return str(arn)


def decisions(reply: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["EvalActionName"], one["EvalDecision"]) for one in reply["EvaluationResults"]]


def test_a_users_own_and_groups_policies_are_simulated(iam: Any, user: str) -> None:
    name = user.rsplit("/", 1)[-1]
    reply = iam.simulate_principal_policy(
        PolicySourceArn=user, ActionNames=["sqs:SendMessage", "s3:GetObject", "s3:PutObject"]
    )
    own, group, nothing = reply["EvaluationResults"]
    assert [one["EvalDecision"] for one in (own, group, nothing)] == ["allowed", "allowed", "implicitDeny"]
    (matched,) = own["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (f"user_{name}_own", "user")
    assert matched["StartPosition"] == {"Line": 1, "Column": 42}
    (matched,) = group["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == (
        "AmazonS3ReadOnlyAccess",
        "aws-managed",
    )
    assert matched["StartPosition"]["Line"] > 1
    assert nothing["MatchedStatements"] == []
    assert "EvalDecisionDetails" not in own
    assert "PermissionsBoundaryDecisionDetail" not in own


def test_policies_are_left_out_and_added(iam: Any, user: str) -> None:
    left_out = [{"PolicyArn": "arn:aws:iam::aws:policy/AmazonS3*"}, {"PolicyType": "inline"}]
    reply = iam.simulate_principal_policy(
        PolicySourceArn=user,
        ActionNames=["sqs:SendMessage", "s3:GetObject", "sns:Publish"],
        PolicyExclusionList=left_out,
        PolicyInputList=[policy("sns:Publish")],
    )
    assert [one for _, one in decisions(reply)] == ["implicitDeny", "implicitDeny", "allowed"]


def test_a_boundary_of_the_user_limits(iam: Any, user: str) -> None:
    name = user.rsplit("/", 1)[-1]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=READ_ONLY)
    asked = {"PolicySourceArn": user, "ActionNames": ["sqs:SendMessage"]}
    (result,) = iam.simulate_principal_policy(**asked)["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    limits = {"PermissionsBoundaryPolicyInputList": [policy("sqs:*")]}
    (result,) = iam.simulate_principal_policy(**asked, **limits)["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    left_out = {"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]}
    assert decisions(iam.simulate_principal_policy(**asked, **left_out)) == [("sqs:SendMessage", "allowed")]


def test_each_resource_has_its_result_page_by_page(iam: Any) -> None:
    keys = [f"arn:aws:s3:::bucket/{number}" for number in range(3)]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy("s3:GetObject", keys[1])],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=keys,
        PaginationConfig={"PageSize": 4},
    )
    found = [page["EvaluationResults"] for page in pages]
    assert [len(one) for one in found] == [4, 2]
    results = [
        (one["EvalActionName"], one["EvalResourceName"], one["EvalDecision"])
        for one in [*found[0], *found[1]]
    ]
    assert [one for one in results if one[2] == "allowed"] == [("s3:GetObject", keys[1], "allowed")]
    assert [one[1] for one in results] == keys * 2
    (specific,) = found[0][1]["ResourceSpecificResults"]
    assert (specific["EvalResourceName"], specific["EvalResourceDecision"]) == (keys[1], "allowed")


def test_context_entries_have_types_and_missing_ones_are_named(iam: Any) -> None:
    condition = {"NumericLessThan": {"s3:max-keys": "10"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    asked = {
        "PolicyInputList": [policy("s3:ListBucket", Condition=condition)],
        "ActionNames": ["s3:ListBucket"],
    }
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=asked["PolicyInputList"])[
        "ContextKeyNames"
    ] == ["aws:SourceIp", "s3:max-keys"]
    (result,) = iam.simulate_custom_policy(**asked)["EvaluationResults"]
    assert (result["EvalDecision"], sorted(result["MissingContextValues"])) == (
        "implicitDeny",
        ["aws:SourceIp", "s3:max-keys"],
    )
    entries = [
        {"ContextKeyName": "S3:max-keys", "ContextKeyType": "numeric", "ContextKeyValues": ["5"]},
        {"ContextKeyName": "aws:SourceIp", "ContextKeyType": "ip", "ContextKeyValues": ["10.1.2.3"]},
    ]
    (result,) = iam.simulate_custom_policy(**asked, ContextEntries=entries)["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
    for kind, text in (("numeric", "many"), ("ip", "here"), ("boolean", "maybe"), ("date", "soon")):
        wrong = [{"ContextKeyName": "aws:SourceIp", "ContextKeyType": kind, "ContextKeyValues": [text]}]
        assert refusal(iam.simulate_custom_policy, **asked, ContextEntries=wrong)[0] == "InvalidInput"


def test_a_resource_policy_is_judged_for_the_caller(iam: Any) -> None:
    bob = f"arn:aws:iam::{ACCOUNT}:user/bob"
    statement = {"Effect": "Allow", "Principal": {"AWS": bob}, "Action": "s3:GetObject", "Resource": KEY}
    bucket = json.dumps({"Version": "2012-10-17", "Statement": statement})
    asked = {
        "PolicyInputList": [policy("sqs:*")],
        "ActionNames": ["s3:GetObject"],
        "ResourceArns": [KEY],
        "ResourcePolicy": bucket,
    }
    assert refusal(iam.simulate_custom_policy, **asked)[0] == "InvalidInput"
    (result,) = iam.simulate_custom_policy(**asked, CallerArn=bob)["EvaluationResults"]
    assert (result["EvalDecision"], result["EvalDecisionDetails"]) == ("allowed", {})
    (result,) = iam.simulate_custom_policy(
        **asked, CallerArn=bob, ResourceOwner="arn:aws:iam::111122223333:root"
    )["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["EvalDecisionDetails"] == {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    assert result["ResourceSpecificResults"][0]["EvalDecisionDetails"] == result["EvalDecisionDetails"]


def test_the_principals_tags_and_name_are_known(iam: Any, user: str) -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red", "aws:username": user.rsplit("/", 1)[-1]}}
    reply = iam.simulate_principal_policy(
        PolicySourceArn=user,
        ActionNames=["sns:Publish"],
        PolicyInputList=[policy("sns:Publish", Condition=condition)],
    )
    assert decisions(reply) == [("sns:Publish", "allowed")]


def test_what_cannot_be_simulated_is_refused(iam: Any, user: str) -> None:
    def of_user(**params: Any) -> Any:
        return refusal(
            iam.simulate_principal_policy, **{"PolicySourceArn": user, "ActionNames": ["s3:A"], **params}
        )

    gone = f"arn:aws:iam::{ACCOUNT}:role/nobody-{uuid4().hex[:8]}"
    assert of_user(PolicySourceArn=gone)[:2] == ("NoSuchEntity", 404)
    assert of_user(PolicySourceArn="arn:aws:s3:::bucket-of-somebody")[0] == "InvalidInput"
    assert of_user(ActionNames=["s3:*"])[0] == "InvalidInput"
    assert of_user(ActionNames=["nonsense"])[0] == "InvalidInput"
    assert of_user(ResourceArns=["bucket"])[0] == "InvalidInput"
    assert of_user(PolicyInputList=["{}"])[0] == "InvalidInput"
    assert of_user(ResourcePolicy="[]")[0] == "InvalidInput"
    assert of_user(CallerArn=f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b")[0] == "InvalidInput"
    assert of_user(ResourceHandlingOption="EC2-VPC-EBS")[0] == "NotImplementedException"


def test_context_keys_of_a_role(iam: Any) -> None:
    name = f"role-{uuid4().hex[:8]}"
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com")))[
        "Role"
    ]["Arn"]
    condition = {"Bool": {"aws:SecureTransport": "true"}}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy("s3:*", Condition=condition))
    reply = iam.get_context_keys_for_principal_policy(
        PolicySourceArn=arn, PolicyInputList=[policy("s3:*", "arn:aws:s3:::b/${aws:userid}")]
    )
    assert reply["ContextKeyNames"] == ["aws:SecureTransport", "aws:userid"]
