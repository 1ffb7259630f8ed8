"""A stack with a secret, its policy and its rotation: the function really rotates it, and replicas follow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from waiting import wait_for

Client = Callable[..., Any]
# What AWS's template of rotation functions does.
CODE = """
import boto3

def handler(event, context):
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if "AWSPENDING" not in stages[token]:
        raise ValueError("not pending")
    if event["Step"] == "createSecret":
        old = client.get_secret_value(SecretId=secret)["SecretString"]
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=old + "+", VersionStages=["AWSPENDING"]
            )
    if event["Step"] == "finishSecret":
        current = next(one for one, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""


def template(days: int) -> str:
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]
    }
    policy = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:DeleteSecret", "Resource": "*"}
    secret = {"Ref": "Secret"}
    rotating = [{"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}]
    used = {"PolicyName": "rotation", "PolicyDocument": {"Version": "2012-10-17", "Statement": rotating}}
    resources = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust, "Policies": [used]},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": f"python3.{sys.version_info.minor}",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Timeout": 30,
                "Code": {"ZipFile": CODE},
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Action": "lambda:InvokeFunction",
                "Principal": "secretsmanager.amazonaws.com",
            },
        },
        "Secret": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"SecretString": "hunter", "ReplicaRegions": [{"Region": "eu-west-1"}]},
        },
        "Policy": {
            "Type": "AWS::SecretsManager::ResourcePolicy",
            "Properties": {"SecretId": secret, "ResourcePolicy": {"Statement": [policy]}},
        },
        "Rotation": {
            "Type": "AWS::SecretsManager::RotationSchedule",
            "DependsOn": "Permission",
            "Properties": {
                "SecretId": secret,
                "RotationLambdaARN": {"Fn::GetAtt": ["Function", "Arn"]},
                "RotationRules": {"AutomaticallyAfterDays": days},
                "RotateImmediatelyOnUpdate": days == 30,
            },
        },
    }
    return json.dumps({"Resources": resources, "Outputs": {"Arn": {"Value": {"Ref": "Rotation"}}}})


def test_a_stack_rotates_its_secret(client: Client) -> None:
    formation, secrets, name = client("cloudformation"), client("secretsmanager"), f"t{uuid4().hex[:8]}"

    def settled(status: str) -> dict[str, Any]:
        def found() -> Any:
            (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        stack: dict[str, Any] = wait_for(found)
        assert stack["StackStatus"] == status, stack
        return stack

    formation.create_stack(StackName=name, TemplateBody=template(30), Capabilities=["CAPABILITY_IAM"])
    arn = settled("CREATE_COMPLETE")["Outputs"][0]["OutputValue"]
    wait_for(lambda: secrets.get_secret_value(SecretId=arn)["SecretString"] == "hunter+")
    elsewhere = client("secretsmanager", region="eu-west-1")
    replica = arn.replace("us-east-1", "eu-west-1")
    assert elsewhere.get_secret_value(SecretId=replica)["SecretString"] == "hunter+"
    try:
        secrets.delete_secret(SecretId=arn)
    except ClientError as refused:
        assert "with an explicit deny in a resource-based policy" in str(refused)
    else:
        raise AssertionError("the policy denies it")
    formation.update_stack(StackName=name, TemplateBody=template(7), Capabilities=["CAPABILITY_IAM"])
    settled("UPDATE_COMPLETE")
    described = secrets.describe_secret(SecretId=arn)
    assert described["RotationRules"] == {"AutomaticallyAfterDays": 7}
    assert described["ReplicationStatus"][0]["Status"] == "InSync"
    formation.delete_stack(StackName=name)

    def gone() -> bool:
        try:
            elsewhere.describe_secret(SecretId=replica)
        except ClientError:
            return True
        return False

    wait_for(gone)
