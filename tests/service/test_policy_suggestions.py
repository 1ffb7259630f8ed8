"""Suggestions for the roles of a stack: of functions, of rules, and of nested stacks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode, clean_environment
from waiting import wait_for

ACCOUNT = "000000000000"
CODE = """
import os, boto3

def handler(event, context):
    if "QUEUE" in os.environ:
        boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="hello")
    if "PASSED" in os.environ:
        boto3.client("events").put_targets(
            Rule=os.environ["RULE"], EventBusName=os.environ["BUS"],
            Targets=[{"Id": "again", "Arn": os.environ["OTHER"], "RoleArn": os.environ["PASSED"]}],
        )
"""


def function(variables: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": f"python3.{sys.version_info.minor}",
            "Handler": "index.handler",
            "InlineCode": CODE,
            "Timeout": 20,
            "Environment": {"Variables": variables},
            "Policies": [{"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": ["sqs:*", "events:*", "iam:PassRole"], "Resource": "*"}
            ]}],
        },
    }  # fmt: skip


CHILD = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}, "Sender": function({"QUEUE": {"Ref": "Queue"}})},
}
PARENT: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Child": {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "https://s3.amazonaws.com/suggestions/child.json"},
        },
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "first"}},
        "Other": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "second"}},
        "Forwarder": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": {
                    "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"
                }},
                "Policies": [{"PolicyName": "broad", "PolicyDocument": {"Version": "2012-10-17", "Statement": {
                    "Effect": "Allow", "Action": "events:*", "Resource": "*"
                }}}],
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["shop"]},
                "Targets": [
                    {
                        "Id": "other",
                        "Arn": {"Fn::GetAtt": ["Other", "Arn"]},
                        "RoleArn": {"Fn::GetAtt": ["Forwarder", "Arn"]},
                    }
                ],
            },
        },
        "Passer": function({
            "PASSED": {"Fn::GetAtt": ["Forwarder", "Arn"]},
            "RULE": {"Fn::Select": [1, {"Fn::Split": ["|", {"Ref": "Rule"}]}]},
            "BUS": {"Ref": "Bus"},
            "OTHER": {"Fn::GetAtt": ["Other", "Arn"]},
        }),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suggestions") / "data"


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[RunningNode]:
    running = RunningNode(folder)
    yield running
    assert running.stop() == 0


def own_log(function: str) -> dict[str, Any]:
    group = f"log-group:/aws/lambda/${{AWS::StackName}}-{function}-*:*"
    return {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": {"Fn::Sub": f"arn:${{AWS::Partition}}:logs:${{AWS::Region}}:${{AWS::AccountId}}:{group}"},
    }


def suggest(node: RunningNode, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["nightbus", "policy", "suggest", *arguments, "--port", str(node.port)],
        env=clean_environment() | {"NIGHTBUS_DATA": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nested_stacks_roles_of_rules_and_passed_roles(node: RunningNode, folder: Path) -> None:
    s3, formation = node.client("s3"), node.client("cloudformation")
    s3.create_bucket(Bucket="suggestions")
    s3.put_object(Bucket="suggestions", Key="child.json", Body=json.dumps(CHILD).encode())
    formation.create_stack(
        StackName="shop",
        TemplateBody=json.dumps(PARENT),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})

    def physical(stack: str, logical_id: str) -> str:
        found = formation.describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    for name in (physical(physical("shop", "Child"), "Sender"), physical("shop", "Passer")):
        reply = node.client("lambda").invoke(FunctionName=name)
        assert "FunctionError" not in reply, reply["Payload"].read()
    node.client("events").put_events(
        Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}", "EventBusName": "first"}]
    )

    def by_heading() -> dict[tuple[str, str], list[Any]]:
        given = json.loads(suggest(node, folder, "shop", "--format", "json"))
        return {
            (one["Stack"], ",".join(one["Functions"] or one["Services"])): one["PolicyDocument"]["Statement"]
            for one in given
        }

    wait_for(lambda: by_heading()["shop", "events.amazonaws.com"])
    found = by_heading()
    assert found["shop", "events.amazonaws.com"] == [
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": {"Fn::GetAtt": ["Other", "Arn"]}}
    ]
    assert found["shop/Child", "Sender"] == [
        own_log("Sender"),
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
    ]
    passed = [one for one in found["shop", "Passer"] if one["Action"] == "iam:PassRole"]
    assert passed == [
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": {"Fn::GetAtt": ["Forwarder", "Arn"]},
            "Condition": {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}},
        }
    ]
    text = suggest(node, folder, "shop")
    assert "# Sender of nested stack Child (role " in text
    assert "used by events.amazonaws.com)\nPolicies:\n  - PolicyName: ForwarderPolicy\n" in text
    assert "StringEquals:\n            iam:PassedToService: events.amazonaws.com" in text
    only = json.loads(suggest(node, folder, "shop", "--function", "Sender", "--format", "json"))
    assert [one["Functions"] for one in only] == [["Sender"]]
