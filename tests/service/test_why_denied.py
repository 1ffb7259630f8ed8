"""A refusal explains itself: who, what, each policy's verdict, and the statement that would allow it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from lambda_rig import code
from nodes import RunningNode, clean_environment
from waiting import wait_for

ACCOUNT = "000000000000"
BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
ENTRY = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


CODE = """
import os, boto3

def handler(event, context):
    if event.get("order"):
        boto3.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="hello")
    for number in range(3):
        boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key=f"invoices/{number}.txt", Body=b"x")
    return "done"
"""
TEMPLATE: dict[str, Any] = {
    "Transform": "AWS::Serverless-2016-10-31",
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "Worker": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Runtime": f"python3.{sys.version_info.minor}",
                "Handler": "index.handler",
                "InlineCode": CODE,
                "Timeout": 20,
                "Environment": {"Variables": {"QUEUE": {"Ref": "Queue"}, "BUCKET": {"Ref": "Bucket"}}},
                "Policies": [
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": ["sqs:*", "s3:*"], "Resource": "*"}],
                    }
                ],
            },
        },
    },
}


class _Loader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions."""


def _intrinsic(loader: Any, tag: str, node: Any) -> Any:
    text = loader.construct_scalar(node)
    return {"Ref": text} if tag == "Ref" else {f"Fn::{tag}": text.split(".") if tag == "GetAtt" else text}


_Loader.add_multi_constructor("!", _intrinsic)


def nightbus(node: RunningNode, *arguments: str) -> str:
    done = subprocess.run(
        ["nightbus", *arguments, "--port", str(node.port)],
        env=clean_environment() | {"NIGHTBUS_DATA": str(node_folder(node))},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


_FOLDERS: dict[int, Path] = {}


def node_folder(node: RunningNode) -> Path:
    return _FOLDERS[node.port]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("denied") / "data"


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[RunningNode]:
    running = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    _FOLDERS[running.port] = folder
    yield running
    assert running.stop() == 0


def session(node: RunningNode, role: str) -> dict[str, str]:
    arn = node.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"][
        "Arn"
    ]
    issued = node.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def test_a_refusal_names_the_missing_statement_which_then_allows_the_request(node: RunningNode) -> None:
    events = node.client("events", **session(node, "clerk"))
    with pytest.raises(ClientError) as refused:
        events.put_events(Entries=[ENTRY])
    request_id = refused.value.response["ResponseMetadata"]["RequestId"]
    (refusal,) = json.loads(nightbus(node, "why-denied", request_id, "--json"))["refusals"]
    assert (refusal["action"], refusal["resource"], refusal["effect"]) == (
        "events:PutEvents",
        BUS,
        "implicitDeny",
    )
    assert refusal["message"] == refused.value.response["Error"]["Message"]
    assert refusal["add_to"] == {"role": "clerk"}
    statement = refusal["remedy"]["statement"]
    assert statement == {"Effect": "Allow", "Action": "events:PutEvents", "Resource": BUS}
    assert any(f"nightbus why-denied {request_id}" in line for line in node.output)
    before, document = nightbus(node, "why-denied", request_id).split(
        "add this to a policy of role clerk (aws iam put-role-policy):\n"
    )
    assert f"resource   {BUS}" in before
    node.client("iam").put_role_policy(RoleName="clerk", PolicyName="suggested", PolicyDocument=document)
    assert events.put_events(Entries=[ENTRY])["FailedEntryCount"] == 0


def test_a_deny_is_named_and_the_last_refusals_are_listed(node: RunningNode) -> None:
    keys = session(node, "barred")
    deny = {"Sid": "Never", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"}
    node.client("iam").put_role_policy(
        RoleName="barred",
        PolicyName="no",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
    )
    with pytest.raises(ClientError, match="explicit deny"):
        node.client("sqs", **keys).create_queue(QueueName="barred")
    (refusal,) = json.loads(nightbus(node, "why-denied", "--limit", "1", "--json"))["refusals"]
    assert refusal["remedy"]["deny"][0]["statements"] == ["Never"]
    text = nightbus(node, "why-denied", refusal["id"])
    assert "who        arn:aws:sts::000000000000:assumed-role/barred/me" in text
    assert "no (identity-based policy) denies it by statement Never" in text


def test_refused_data_calls_are_in_the_trail(node: RunningNode) -> None:
    trail = node.client("cloudtrail")
    found = trail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutEvents"}]
    )
    record = json.loads(found["Events"][0]["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDeniedException"
    assert record["userIdentity"]["sessionContext"]["sessionIssuer"]["userName"] == "clerk"
    assert record["resources"][0]["type"] == "AWS::Events::EventBus"


def test_what_is_suggested_for_a_stack_is_enough_for_it(node: RunningNode) -> None:
    cloudformation = node.client("cloudformation")
    cloudformation.create_stack(
        StackName="rights",
        TemplateBody=json.dumps(TEMPLATE),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="rights", WaiterConfig={"Delay": 1})
    worker = cloudformation.describe_stack_resource(StackName="rights", LogicalResourceId="Worker")
    name = worker["StackResourceDetail"]["PhysicalResourceId"]

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = node.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        return {"answer": json.loads(reply["Payload"].read()), "error": reply.get("FunctionError")}

    failed = invoke({"order": True})
    assert failed["error"]
    assert "AccessDeniedException" in failed["answer"]["errorType"] + failed["answer"]["errorMessage"]
    assert invoke({}) == {"answer": "done", "error": None}
    text = nightbus(node, "why-denied", "--limit", "1")
    assert "to Policies of Worker in the template of stack rights" in text
    assert (
        "Resource: !Sub arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
        in text
    )

    (refused,) = json.loads(nightbus(node, "why-denied", "--limit", "1", "--json"))["refusals"]
    group, logs = f"/aws/lambda/{name}", node.client("logs")
    (line,) = wait_for(
        lambda: logs.filter_log_events(logGroupName=group, filterPattern='"why-denied"')["events"]
    )
    assert f"nightbus why-denied {refused['id']}" in line["message"]

    suggested = nightbus(node, "policy", "suggest", "rights", "--function", "Worker")
    policies = yaml.load(suggested, _Loader)["Policies"]
    assert policies[0]["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": {
                "Fn::Sub": "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
            },
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {
                "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:"
                "log-group:/aws/lambda/${AWS::StackName}-Worker-*:*"
            },
        },
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": {"Fn::Sub": "${Bucket.Arn}/invoices/*"}},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["Queue", "Arn"]}},
    ]
    template = json.loads(json.dumps(TEMPLATE))
    template["Resources"]["Worker"]["Properties"]["Policies"] = policies
    cloudformation.update_stack(
        StackName="rights",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName="rights", WaiterConfig={"Delay": 1})
    assert invoke({"order": True}) == {"answer": "done", "error": None}


def test_a_trail_needs_a_bucket_whose_policy_admits_cloudtrail(node: RunningNode) -> None:
    s3, cloudtrail = node.client("s3"), node.client("cloudtrail")
    s3.create_bucket(Bucket="trail-of-rights")
    with pytest.raises(ClientError, match="InsufficientS3BucketPolicyException"):
        cloudtrail.create_trail(Name="rights", S3BucketName="trail-of-rights")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::trail-of-rights/AWSLogs/{ACCOUNT}/*",
        "Condition": {
            "StringEquals": {
                "s3:x-amz-acl": "bucket-owner-full-control",
                "aws:SourceArn": f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/rights",
            }
        },
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="trail-of-rights", Policy=json.dumps(policy))
    cloudtrail.create_trail(Name="rights", S3BucketName="trail-of-rights")
    cloudtrail.start_logging(Name="rights")
    node.client("sns").create_topic(Name="of-rights")
    cloudtrail.stop_logging(Name="rights")
    files = [one["Key"] for one in s3.list_objects_v2(Bucket="trail-of-rights")["Contents"] if one["Size"]]
    assert len(files) == 1


def test_a_refusal_is_explained_after_a_restart(node: RunningNode, folder: Path) -> None:
    before = json.loads(nightbus(node, "why-denied", "--limit", "100", "--json"))["refusals"]
    assert before
    node.kill()
    again = RunningNode(folder, environ={"NIGHTBUS_AUTHORIZATION": "enforce"}, port=node.port)
    node.process = again.process
    after = json.loads(nightbus(node, "why-denied", "--limit", "100", "--json"))["refusals"]
    assert [one["id"] for one in after] == [one["id"] for one in before]


def test_in_audit_mode_a_call_goes_on_and_is_shown_as_one_that_would_be_refused(
    tmp_path: Path,
) -> None:
    audited = RunningNode(tmp_path / "data", environ={"NIGHTBUS_AUTHORIZATION": "audit"})
    _FOLDERS[audited.port] = tmp_path / "data"
    try:
        assert any("policies  refuse NOTHING (authorization = audit)" in line for line in audited.output)
        reply = audited.client("events", **session(audited, "clerk")).put_events(Entries=[ENTRY])
        assert reply["FailedEntryCount"] == 0
        (one,) = json.loads(nightbus(audited, "why-denied", "--audit", "--json"))["refusals"]
        assert (one["action"], one["enforced"]) == ("events:PutEvents", False)
        assert "allowed (policies are only audited)" in nightbus(audited, "why-denied", one["id"])
    finally:
        assert audited.stop() == 0


CALLS_SQS = """
import boto3
def handler(event, context):
    return boto3.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"]
"""


def test_in_audit_mode_a_function_whose_role_is_gone_runs_and_says_what_is_missing(tmp_path: Path) -> None:
    audited = RunningNode(
        tmp_path / "data", environ={"NIGHTBUS_AUTHORIZATION": "audit"}, dev_credentials=False
    )
    _FOLDERS[audited.port] = tmp_path / "data"
    try:
        iam, functions = audited.client("iam"), audited.client("lambda")
        document = json.dumps(TRUST).replace(
            f'"AWS": "arn:aws:iam::{ACCOUNT}:root"', '"Service": "lambda.amazonaws.com"'
        )
        role = iam.create_role(RoleName="gone", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        packed = {"ZipFile": code(CALLS_SQS)}
        members = {"Runtime": "python3.12", "Handler": "app.handler", "Code": packed}
        functions.create_function(FunctionName="worker", Role=role, **members)
        iam.delete_role(RoleName="gone")
        done = functions.invoke(FunctionName="worker")
        assert json.load(done["Payload"]) == 200
        id = done["ResponseMetadata"]["RequestId"]
        one = json.loads(nightbus(audited, "why-denied", id, "--json"))["refusals"][0]
        assert (one["enforced"], one["action"], one["resource"]) == (False, "sts:AssumeRole", role)
        assert (one["principal"], one["reason"]) == (
            "lambda.amazonaws.com",
            "because the role does not exist",
        )
        assert "create role gone (aws iam create-role)" in nightbus(audited, "why-denied", id)
        functions.create_function(FunctionName="other", Role=role.replace("gone", "never"), **members)
        assert json.load(functions.invoke(FunctionName="other")["Payload"]) == 200
    finally:
        assert audited.stop() == 0
