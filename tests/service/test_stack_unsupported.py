"""What a stack asks for that only AWS has: refused when changes are proposed, and no obstacle where it is left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]

QUEUE = {"Type": "AWS::SQS::Queue"}
STAGE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
    "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
}
FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {"Runtime": "ruby3.3", "Handler": "index.handler", "InlineCode": "x"},
}


@pytest.fixture
def cloudformation(client: Client) -> Any:
    return client("cloudformation")


@pytest.fixture
def name() -> str:
    return f"unsupported-{uuid4().hex[:8]}"


def template(resources: dict[str, Any], **sections: Any) -> str:
    return json.dumps({"Resources": resources, **sections})


def wait(cloudformation: Any, what: str, name: str) -> None:
    waiter = cloudformation.get_waiter(f"stack_{what}_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def create(cloudformation: Any, name: str, body: str, **params: Any) -> None:
    cloudformation.create_stack(StackName=name, TemplateBody=body, **params)
    wait(cloudformation, "create", name)


def stage(value: str) -> list[dict[str, str]]:
    return [{"ParameterKey": "Stage", "ParameterValue": value}]


def test_a_type_that_nightbus_has_not_is_named_and_no_stack_is_left(cloudformation: Any, name: str) -> None:
    custom = {"Type": "Custom::Seed", "Version": "1.0", "Properties": {"ServiceToken": "arn:aws:sns:x"}}
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"}
    with pytest.raises(ClientError) as refused:
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName="c",
            ChangeSetType="CREATE",
            TemplateBody=template({"Q": QUEUE, "C": custom, "T": table}),
        )
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == (
        "NotImplementedException",
        "The resource types [AWS::DynamoDB::Table] are not supported by Nightbus yet.",
    )
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)


def test_a_type_behind_a_false_condition_is_no_obstacle_until_it_holds(
    cloudformation: Any, name: str
) -> None:
    table = {"Type": "AWS::DynamoDB::Table", "Condition": "Prod", "Properties": {"Any": "thing"}}
    body = template({"Q": QUEUE, "T": table}, **STAGE)
    create(cloudformation, name, body)
    with pytest.raises(ClientError, match="AWS::DynamoDB::Table"):
        cloudformation.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=stage("prod"))
    cloudformation.delete_stack(StackName=name)
    wait(cloudformation, "delete", name)


def test_a_runtime_that_nightbus_has_not_fails_the_change_set(cloudformation: Any, name: str) -> None:
    made = cloudformation.create_change_set(
        StackName=name,
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=template({"Q": QUEUE, "F": FUNCTION}, Transform="AWS::Serverless-2016-10-31"),
        Capabilities=["CAPABILITY_IAM"],
    )
    found = cloudformation.describe_change_set(ChangeSetName=made["Id"])
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    told = "Runtime ruby3.3 of resource F (AWS::Lambda::Function) is not supported by Nightbus yet."
    assert found["StatusReason"] == told


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("arn:aws:states:us-east-1:000000000000:stateMachine:m", "--forward states=URL"),
        ("arn:aws:gamelift:us-east-1:000000000000:fleet/f", "fleet/f is not supported by Nightbus yet."),
    ],
)
def test_a_target_that_the_node_cannot_reach_is_refused_before_anything_is_made(
    cloudformation: Any, name: str, target: str, told: str
) -> None:
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {"source": ["a"]},
            "Targets": [
                {"Id": "t", "Arn": {"Fn::Sub": target}, "RoleArn": "arn:aws:iam::000000000000:role/r"}
            ],
        },
    }
    with pytest.raises(ClientError) as refused:
        cloudformation.create_stack(StackName=name, TemplateBody=template({"Q": QUEUE, "R": rule}))
    error = refused.value.response["Error"]
    assert error["Code"] == "NotImplementedException"
    assert told in error["Message"]
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)


def test_a_deletion_policy_follows_a_parameter(client: Client, cloudformation: Any, name: str) -> None:
    policy = {"Fn::If": ["Prod", "Retain", "Delete"]}
    groups = {
        "Always": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": f"{name}-always"}},
        "Data": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": policy,
            "UpdateReplacePolicy": policy,
            "Properties": {"LogGroupName": f"{name}-data"},
        },
    }
    create(cloudformation, name, template(groups, **STAGE))
    cloudformation.update_stack(StackName=name, UsePreviousTemplate=True, Parameters=stage("prod"))
    wait(cloudformation, "update", name)
    cloudformation.delete_stack(StackName=name)
    wait(cloudformation, "delete", name)
    kept = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [group["logGroupName"] for group in kept] == [f"{name}-data"]


def test_a_stack_with_subscriptions_by_mail_deploys_and_goes_again(
    client: Client, cloudformation: Any, name: str
) -> None:
    resources = {
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"Subscription": [{"Protocol": "email", "Endpoint": "a@b.example"}]},
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {"TopicArn": {"Ref": "Topic"}, "Protocol": "email", "Endpoint": "c@d.example"},
        },
    }
    create(cloudformation, name, template(resources, Outputs={"Topic": {"Value": {"Ref": "Topic"}}}))
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    topic = stack["Outputs"][0]["OutputValue"]
    listed = client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [one["SubscriptionArn"] for one in listed] == ["PendingConfirmation"] * 2
    cloudformation.delete_stack(StackName=name)
    wait(cloudformation, "delete", name)
