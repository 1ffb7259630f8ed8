"""A resource of any type that could not be created is rolled back, and its stack can be updated and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from nightbus.stacks.resources import RESOURCE_TYPES
from type_lives import all_lives
from waiting import wait_for

Client = Callable[..., Any]
NOBODY = "arn:aws:{}:us-east-1:000000000000:{}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}

# What CloudFormation takes, and the service refuses.
BAD: dict[str, dict[str, Any]] = {
    "AWS::CloudFormation::CustomResource": {"ServiceToken": NOBODY.format("lambda", "function:nobody")},
    "AWS::CloudFormation::WaitCondition": {"Handle": "https://example.com/nobody", "Timeout": 1},
    "AWS::CloudFormation::Stack": {"TemplateURL": "https://s3.amazonaws.com/nobodys-bucket/nothing.yaml"},
    "AWS::Events::ApiDestination": {
        "ConnectionArn": NOBODY.format("events", "connection/nobody/00000000-0000-0000-0000-000000000000"),
        "HttpMethod": "POST",
        "InvocationEndpoint": "https://example.com",
    },
    "AWS::Events::Archive": {"SourceArn": NOBODY.format("events", "event-bus/nobody")},
    "AWS::Events::Connection": {
        "AuthorizationType": "API_KEY",
        "AuthParameters": {
            "OAuthParameters": {
                "AuthorizationEndpoint": "https://example.com",
                "HttpMethod": "POST",
                "ClientParameters": {"ClientID": "a", "ClientSecret": "b"},
            }
        },
    },
    "AWS::Events::Endpoint": {
        "RoutingConfig": {
            "FailoverConfig": {
                "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/a"},
                "Secondary": {"Route": "us-east-1"},
            }
        },
        "EventBuses": [
            {"EventBusArn": NOBODY.format("events", "event-bus/nobody")},
            {"EventBusArn": NOBODY.format("events", "event-bus/nobody")},
        ],
    },
    "AWS::Events::EventBus": {"Name": "default"},
    "AWS::Events::EventBusPolicy": {
        "EventBusName": "nobody",
        "StatementId": "s",
        "Action": "events:PutEvents",
        "Principal": "*",
    },
    "AWS::Events::Rule": {"EventPattern": {"source": [{"nothing": 1}]}},
    "AWS::IAM::ManagedPolicy": {
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}
    },
    "AWS::IAM::Policy": {"PolicyName": "p", "PolicyDocument": {"Statement": []}, "Roles": ["nobody"]},
    "AWS::IAM::Role": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Maybe"}]}
    },
    "AWS::Lambda::Alias": {"FunctionName": "nobody", "FunctionVersion": "1", "Name": "live"},
    "AWS::Lambda::EventInvokeConfig": {
        "FunctionName": "nobody",
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 1,
    },
    "AWS::Lambda::EventSourceMapping": {
        "FunctionName": "nobody",
        "EventSourceArn": NOBODY.format("sqs", "nobody"),
    },
    "AWS::Lambda::Function": {
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:user/nobody",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    },
    "AWS::Lambda::LayerVersion": {"Content": {"S3Bucket": "nobodys-bucket", "S3Key": "nothing.zip"}},
    "AWS::Lambda::LayerVersionPermission": {
        "Action": "lambda:GetLayerVersion",
        "LayerVersionArn": f"{NOBODY.format('lambda', 'layer:nobody')}:1",
        "Principal": "*",
    },
    "AWS::Lambda::Permission": {
        "FunctionName": "nobody",
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
    },
    "AWS::Lambda::Url": {"TargetFunctionArn": "nobody", "AuthType": "NONE"},
    "AWS::Lambda::Version": {"FunctionName": "nobody"},
    "AWS::Logs::LogGroup": {"LogGroupName": "aws/no:colons"},
    "AWS::Logs::ResourcePolicy": {"PolicyName": "p", "PolicyDocument": "no JSON"},
    "AWS::S3::Bucket": {"BucketName": "bucket..name"},
    "AWS::S3::BucketPolicy": {"Bucket": "nobodys-bucket", "PolicyDocument": POLICY},
    "AWS::SNS::Subscription": {
        "TopicArn": NOBODY.format("sns", "nobody"),
        "Protocol": "sqs",
        "Endpoint": NOBODY.format("sqs", "nobody"),
    },
    "AWS::SNS::Topic": {"SignatureVersion": "9"},
    "AWS::SNS::TopicInlinePolicy": {"TopicArn": NOBODY.format("sns", "nobody"), "PolicyDocument": POLICY},
    "AWS::SNS::TopicPolicy": {"Topics": [NOBODY.format("sns", "nobody")], "PolicyDocument": POLICY},
    "AWS::SQS::Queue": {"MessageRetentionPeriod": 30},
    "AWS::SQS::QueueInlinePolicy": {
        "Queue": "http://127.0.0.1:4566/000000000000/nobody",
        "PolicyDocument": POLICY,
    },
    "AWS::SQS::QueuePolicy": {
        "Queues": ["http://127.0.0.1:4566/000000000000/nobody"],
        "PolicyDocument": POLICY,
    },
}
CANNOT_FAIL = {"AWS::CDK::Metadata", "AWS::CloudFormation::WaitConditionHandle"}  # names that make nothing
GOOD = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 5}}


def test_every_type_is_tried() -> None:
    """Here, or by the row's `failing` in the table of lives."""
    elsewhere = {name for name, life in all_lives().items() if life.failing is not None or life.why_not}
    assert set(BAD) | CANNOT_FAIL <= set(RESOURCE_TYPES)
    assert set(BAD) | CANNOT_FAIL | elsewhere == set(RESOURCE_TYPES)


@pytest.fixture
def stack(client: Client) -> Any:
    return Stack(client("cloudformation"), f"failed-{uuid4().hex[:8]}")


class Stack:
    def __init__(self, cloudformation: Any, name: str) -> None:
        self._cloudformation = cloudformation
        self.name = name

    def deploy(self, operation: str, **resources: Any) -> str:
        getattr(self._cloudformation, operation)(
            StackName=self.name,
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        return self.settled()

    def settled(self) -> str:
        def done() -> str:
            stacks = self._cloudformation.list_stacks()["StackSummaries"]
            status: str = next(one["StackStatus"] for one in stacks if one["StackName"] == self.name)
            return "" if status.endswith("_IN_PROGRESS") else status

        return wait_for(done, 60)

    def delete(self) -> str:
        self._cloudformation.delete_stack(StackName=self.name)
        return self.settled()

    def failures(self) -> set[tuple[str, str]]:
        """(logical id, status) of every event that tells of a failure."""
        found: set[tuple[str, str]] = set()
        stack_id = next(
            one["StackId"]
            for one in self._cloudformation.list_stacks()["StackSummaries"]
            if one["StackName"] == self.name
        )
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        for page in pages:
            for event in page["StackEvents"]:
                if "FAILED" in event["ResourceStatus"]:
                    found.add((event["LogicalResourceId"], event["ResourceStatus"]))
        return found


@pytest.mark.parametrize("type_name", BAD)
def test_a_failed_creation_is_rolled_back(stack: Stack, type_name: str) -> None:
    bad = {"Type": type_name, "Properties": BAD[type_name]}
    assert stack.deploy("create_stack", A=GOOD, B={**bad, "DependsOn": "A"}) == "ROLLBACK_COMPLETE"
    assert stack.failures() == {("B", "CREATE_FAILED")}
    assert stack.delete() == "DELETE_COMPLETE"


@pytest.mark.parametrize("type_name", BAD)
def test_a_failed_creation_in_an_update_is_rolled_back(stack: Stack, type_name: str) -> None:
    assert stack.deploy("create_stack", A=GOOD) == "CREATE_COMPLETE"
    bad = {"Type": type_name, "Properties": BAD[type_name]}
    assert stack.deploy("update_stack", A=GOOD, B=bad) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.failures() == {("B", "CREATE_FAILED")}
    changed = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 6}}
    assert stack.deploy("update_stack", A=changed) == "UPDATE_COMPLETE"
    assert stack.delete() == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("AWS::SQS::Queue", {"MessageRetentionPeriod": 30, "DelaySeconds": 1}),
        ("AWS::SNS::Topic", {"SignatureVersion": "9"}),
        ("AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": [{"Effect": "Maybe"}]}}),
    ],
)
def test_a_failed_replacement_is_rolled_back(
    stack: Stack, type_name: str, properties: dict[str, Any]
) -> None:
    """The new one is to have another name, since a property that needs a replacement changes."""
    name = {
        "AWS::SQS::Queue": "QueueName",
        "AWS::SNS::Topic": "TopicName",
        "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    }[type_name]
    good = {"PolicyDocument": {**POLICY, "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}
    before = {**(good if "Policy" in type_name else {}), name: f"{stack.name}-a"}
    resource = {"Type": type_name, "Properties": before}
    assert stack.deploy("create_stack", A=resource) == "CREATE_COMPLETE"
    after = {"Type": type_name, "Properties": properties}
    assert stack.deploy("update_stack", A=after) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.failures() == {("A", "UPDATE_FAILED")}
    assert stack.delete() == "DELETE_COMPLETE"
