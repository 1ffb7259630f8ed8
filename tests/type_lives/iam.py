"""The lives of the types of IAM."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}


def policy(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def set_inline_policy(client: Any, id: str, name: str) -> None:
    for role in client("iam").get_paginator("list_roles").paginate().search("Roles[].RoleName"):
        if f"{name}-Role" in role:
            document = json.dumps(policy("s3:ListBucket"))
            client("iam").put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)


LIVES = [
    Life(
        "AWS::IAM::Role",
        {
            "AssumeRolePolicyDocument": TRUST,
            "Description": "one",
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy("s3:GetObject")}],
            "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"Description": "two", "MaxSessionDuration": "7200"},
        replacement={"Path": "/other/"},
        failing={"AssumeRolePolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("iam").attach_role_policy(
                RoleName=id, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
            ),
            "/ManagedPolicyArns/0",
            "ADD",
        ),
    ),
    Life(
        "AWS::IAM::Policy",
        {"PolicyName": "own", "PolicyDocument": policy("s3:GetObject"), "Roles": [{"Ref": "Role"}]},
        update={"PolicyDocument": policy("s3:PutObject")},
        replacement={"PolicyName": "other"},
        failing={"Roles": ["NAME-none"]},
        drift=Drift(set_inline_policy, "/PolicyDocument/Statement/0/Action"),
        around={"Role": ROLE},
    ),
    Life(
        "AWS::IAM::ManagedPolicy",
        {"PolicyDocument": policy("s3:GetObject"), "Roles": [{"Ref": "Role"}]},
        update={"PolicyDocument": policy("s3:PutObject")},
        replacement={"Description": "other"},
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: client("iam").create_policy_version(
                PolicyArn=id, PolicyDocument=json.dumps(policy("s3:ListBucket")), SetAsDefault=True
            ),
            "/PolicyDocument/Statement/0/Action",
        ),
        around={"Role": ROLE},
    ),
]
