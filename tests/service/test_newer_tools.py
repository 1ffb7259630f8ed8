"""What today's CDK, SAM, AWS CLI and Terraform send beside what they want, and CloudFormation's express mode."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nightbus.cli.environment import aws_variables
from nightbus.identity.key_file import dev_key
from nightbus.node.settings import Settings
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
STANDARD = {"Mode": "STANDARD"}
APPLIED = (
    "Resource operation completed using Express Mode. It may continue becoming available in the background."
)


def template(**queues: dict[str, Any]) -> str:
    resources = {name: {"Type": "AWS::SQS::Queue", "Properties": given} for name, given in queues.items()}
    parameters = {"Secret": {"Type": "String", "NoEcho": True, "Default": "hush-hush"}}
    return json.dumps({"Parameters": parameters, "Resources": resources})


@pytest.fixture
def name() -> str:
    return f"newer-{uuid4().hex[:8]}"


@pytest.fixture
def stacks(client: Client) -> Any:
    return client("cloudformation")


def status(stacks: Any, name: str) -> str:
    return str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def settled(stacks: Any, name: str) -> str:
    wait_for(lambda: not status(stacks, name).endswith("IN_PROGRESS"))
    return status(stacks, name)


def test_a_change_set_as_cdk_makes_it(stacks: Any, name: str) -> None:
    """`cdk deploy` names STANDARD, asks for the values of properties, and for the template of a stack in review."""
    stacks.create_change_set(
        StackName=name,
        ChangeSetName="c",
        ChangeSetType="CREATE",
        TemplateBody=template(A={"VisibilityTimeout": 5, "Tags": [{"Key": "k", "Value": {"Ref": "Secret"}}]}),
        DeploymentConfig=STANDARD,
        RollbackConfiguration={},
    )
    assert "TemplateBody" not in stacks.get_template(StackName=name)
    described = stacks.describe_change_set(StackName=name, ChangeSetName="c", IncludePropertyValues=True)
    assert described["DeploymentConfig"] == STANDARD
    change = described["Changes"][0]["ResourceChange"]
    assert json.loads(change["AfterContext"]) == {
        "Properties": {"VisibilityTimeout": 5, "Tags": [{"Key": "k", "Value": "****"}]}
    }
    plain = stacks.describe_change_set(StackName=name, ChangeSetName="c")
    assert "AfterContext" not in plain["Changes"][0]["ResourceChange"]
    stacks.execute_change_set(StackName=name, ChangeSetName="c")
    assert settled(stacks, name) == "CREATE_COMPLETE"
    assert "hush" not in json.dumps(described, default=str)


def test_the_values_of_properties_before_and_after(stacks: Any, name: str) -> None:
    stacks.create_stack(StackName=name, TemplateBody=template(A={"VisibilityTimeout": 5, "DelaySeconds": 1}))
    settled(stacks, name)
    stacks.create_change_set(
        StackName=name,
        ChangeSetName="c",
        TemplateBody=template(A={"VisibilityTimeout": 6, "MaximumMessageSize": 2048}),
    )
    described = stacks.describe_change_set(StackName=name, ChangeSetName="c", IncludePropertyValues=True)
    change = described["Changes"][0]["ResourceChange"]
    targets = {detail["Target"]["Name"]: detail["Target"] for detail in change["Details"]}
    shown = {
        key: (one.get("BeforeValue"), one.get("AfterValue"), one["AttributeChangeType"], one["Path"])
        for key, one in targets.items()
    }
    assert shown == {
        "VisibilityTimeout": ("5", "6", "Modify", "/Properties/VisibilityTimeout"),
        "DelaySeconds": ("1", None, "Remove", "/Properties/DelaySeconds"),
        "MaximumMessageSize": (None, "2048", "Add", "/Properties/MaximumMessageSize"),
    }
    assert json.loads(change["BeforeContext"])["Properties"] == {"VisibilityTimeout": 5, "DelaySeconds": 1}


def test_express_mode_completes_with_its_reason_and_does_not_roll_back(stacks: Any, name: str) -> None:
    stacks.create_stack(StackName=name, TemplateBody=template(A={}), DeploymentConfig={"Mode": "EXPRESS"})
    assert settled(stacks, name) == "CREATE_COMPLETE"
    stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["DeploymentConfig"] == {"Mode": "EXPRESS", "DisableRollback": True}
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    (created,) = [
        one for one in events if (one["LogicalResourceId"], one["ResourceStatus"]) == ("A", "CREATE_COMPLETE")
    ]
    assert created["ResourceStatusReason"] == APPLIED
    stacks.update_stack(
        StackName=name,
        TemplateBody=template(A={"VisibilityTimeout": 7}, B={"VisibilityTimeout": 99_999_999}),
        DeploymentConfig={"Mode": "EXPRESS"},
    )
    assert settled(stacks, name) == "UPDATE_FAILED"
    stacks.update_stack(
        StackName=name, TemplateBody=template(A={"VisibilityTimeout": 8}), DeploymentConfig=STANDARD
    )
    assert settled(stacks, name) == "UPDATE_COMPLETE"
    assert "DeploymentConfig" not in stacks.describe_stacks(StackName=name)["Stacks"][0]
    stacks.delete_stack(StackName=name, DeploymentConfig={"Mode": "EXPRESS"}, DeletionMode="STANDARD")
    wait_for(lambda: stacks.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"])


def test_express_mode_rolls_back_where_it_is_told_to(stacks: Any, name: str) -> None:
    stacks.create_stack(
        StackName=name,
        TemplateBody=template(A={"VisibilityTimeout": 99_999_999}),
        DeploymentConfig={"Mode": "EXPRESS", "DisableRollback": False},
    )
    assert settled(stacks, name) in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


@pytest.mark.parametrize("more", [{"DisableRollback": True}, {"OnFailure": "DELETE"}])
def test_two_members_may_not_both_speak_of_rolling_back(stacks: Any, name: str, more: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="together with DeploymentConfig"):
        stacks.create_stack(
            StackName=name, TemplateBody=template(A={}), DeploymentConfig={"Mode": "EXPRESS"}, **more
        )


def test_members_that_ask_for_nothing(client: Client, name: str) -> None:
    s3, sns, lambdas = client("s3"), client("sns"), client("lambda")
    s3.create_bucket(Bucket=name, BucketNamespace="global", ObjectLockEnabledForBucket=False)
    s3.put_object(Bucket=name, Key="a", Body=b"x", RequestPayer="requester", BucketKeyEnabled=False)
    source = {"Bucket": name, "Key": "a"}
    s3.copy_object(Bucket=name, Key="b", CopySource=source, AnnotationDirective="EXCLUDE")
    assert s3.get_object(Bucket=name, Key="b", RequestPayer="requester")["Body"].read() == b"x"
    topic = sns.create_topic(Name=name)["TopicArn"]
    rate = {"AttributeName": "SQSSuccessFeedbackSampleRate", "AttributeValue": "100"}
    sns.set_topic_attributes(TopicArn=topic, **rate)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SQSSuccessFeedbackRoleArn", AttributeValue="")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert shown["SQSSuccessFeedbackSampleRate"] == "100"
    assert "SQSSuccessFeedbackRoleArn" not in shown
    with pytest.raises(ClientError, match="InvalidParameter"):
        sns.set_topic_attributes(TopicArn=topic, **{**rate, "AttributeValue": "101"})
    with pytest.raises(ClientError, match="ImageConfig is not supported"):
        lambdas.update_function_configuration(FunctionName=name, ImageConfig={"Command": ["a"]})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        lambdas.update_function_configuration(FunctionName=name, ImageConfig={})


def test_no_name_is_put_in_front_of_the_nodes_address(
    node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what `nightbus env` prints, StartLiveTail reaches the node, which says that it does not have it."""
    settings = Settings(port=node.port)
    for name, value in aws_variables(settings, dev_key("000000000000")).items():
        monkeypatch.setenv(name, value)
    import boto3

    logs = boto3.client("logs", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError, match="StartLiveTail is not supported by Nightbus yet"):
        logs.start_live_tail(logGroupIdentifiers=["arn:aws:logs:us-east-1:000000000000:log-group:g"])
