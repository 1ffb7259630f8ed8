"""CloudFormation needs for a resource what the handlers of its type's schema name, and nothing else.

Each row of `tests/type_lives` is created, updated and deleted by a service role that has just these permissions:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from living_stack import NESTED, Clients, LivingStack, put_artefacts
from nightbus.stacks.schemas import resource_schemas
from type_lives import all_lives

LIVES = all_lives()
_TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
# What AWS needs too and the schemas do not say, and the two types of which Nightbus asks more.
_BEYOND_THE_SCHEMA = {
    "AWS::CloudFormation::CustomResource": ["lambda:InvokeFunction"],
    "AWS::CloudFormation::Stack": ["s3:GetObject"],
    "AWS::CloudFormation::StackSet": [
        "cloudformation:DescribeStackSet",
        "cloudformation:ListStackInstances",
        "cloudformation:ListStackSetOperations",
    ],
    "AWS::IAM::AccessKey": ["iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey"],
    "AWS::KMS::ReplicaKey": ["ssm:GetParameters"],  # the template's dynamic reference
    "AWS::Lambda::EventInvokeConfig": ["lambda:PutFunctionEventInvokeConfig"],
}


def permissions(template: str, handler: str) -> list[str]:
    types = {resource["Type"] for resource in json.loads(template)["Resources"].values()}
    if "AWS::CloudFormation::Stack" in types:
        types |= {resource["Type"] for resource in NESTED["Resources"].values()}
    named = {
        action
        for name in types
        for action in [
            *(resource_schemas()[name].get("handlers", {}).get(handler, {}).get("permissions", [])),
            *_BEYOND_THE_SCHEMA.get(name, []),
        ]
    }
    # Schemas have s3:REST.PUT.OBJECT too, which is not an action.
    return sorted(action for action in named if action.replace(":", "").replace("*", "").isalnum()) or [
        "cloudformation:DescribeType"
    ]


@pytest.fixture(scope="module", autouse=True)
def artefacts(node: Any) -> None:
    put_artefacts(node.client)


@pytest.mark.parametrize("type_name", sorted(LIVES))
def test_a_service_role_with_the_permissions_of_the_schema_suffices(type_name: str, client: Clients) -> None:
    life, iam = LIVES[type_name], client("iam")
    role = "handlers-" + type_name.split("::", 1)[1].replace("::", "-")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    stack = LivingStack(client, life, "role", arn)

    def allow(handler: str) -> None:
        statement = {"Effect": "Allow", "Action": permissions(stack.template(), handler), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": statement})
        iam.put_role_policy(RoleName=role, PolicyName="handlers", PolicyDocument=document)

    allow("create")
    assert stack.create() == "CREATE_COMPLETE", stack.reasons()
    if life.update is not None:
        allow("update")
        assert stack.update(life.update) == "UPDATE_COMPLETE", stack.reasons()
    allow("delete")
    assert stack.delete() == "DELETE_COMPLETE", stack.reasons()


def test_a_role_that_lacks_one_of_them_is_refused(client: Clients) -> None:
    iam = client("iam")
    arn = iam.create_role(RoleName="without", AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    stack = LivingStack(client, LIVES["AWS::SQS::Queue"], "without", arn)
    assert stack.create() == "ROLLBACK_COMPLETE"
    refused = ":assumed-role/without/AWSCloudFormation is not authorized to perform: sqs:"
    assert any(refused in reason for reason in stack.reasons())
