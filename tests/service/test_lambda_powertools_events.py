"""The event classes of Powertools for Python, and crhelper, read what the node sends to a function of a stack."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from custom_rig import outputs, settled
from installed_packages import package_with
from lambda_rig import trust
from powertools_packages import PACKAGES, RUNTIME
from waiting import wait_for

Client = Callable[..., Any]
APP = """
import json, os, boto3
from aws_lambda_powertools.utilities import data_classes as kinds
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes import S3EventBridgeNotificationEvent
from crhelper import CfnResource

processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
helper = CfnResource(json_logging=True, polling_interval=1)

def show(kind, **members):
    print("SEEN " + json.dumps({"kind": kind, **members}, default=str))

@helper.create
@helper.update
def make(event, context):
    asked = kinds.CloudFormationCustomResourceEvent(event)
    show(asked.request_type, type=asked.resource_type, logical=asked.logical_resource_id,
         size=asked.resource_properties["Size"], old=asked.old_resource_properties.get("Size"))
    if asked.resource_properties["Size"] == "bad":
        raise ValueError("no such size")
    helper.Data["Seen"] = asked.resource_properties["Size"]
    return "thing-1"

@helper.poll_create
def made(event, context):
    show("poll")
    helper.Data["Polled"] = "yes"
    return "thing-1"

@helper.delete
def remove(event, context):
    show("Delete", physical=kinds.CloudFormationCustomResourceEvent(event).physical_resource_id)

def s3_of(event):
    record = event.record
    return {"name": record.event_name, "bucket": record.s3.bucket.name, "key": event.object_key,
            "size": record.s3.get_object.size, "source": record.request_parameters.source_ip_address}

def one_message(record):
    if record.body.startswith("{") and "s3:TestEvent" in record.body:
        return
    if record.body.startswith("{"):
        show("s3 by sqs", **s3_of(record.decoded_nested_s3_event))
        return
    show("sqs", body=record.body, tries=record.attributes.approximate_receive_count, region=record.aws_region,
         color=record.message_attributes["color"].string_value, queue=record.queue_url)
    if record.body == "bad":
        raise ValueError("bad")

def handler(event, context):
    if "RequestType" in event:
        return helper(event, context)
    if event.get("detail-type") == "Object Created":
        made = S3EventBridgeNotificationEvent(event)
        return show("s3 by bus", key=made.detail.object.key, bucket=made.detail.bucket.name, why=made.detail.reason)
    if "detail" in event:
        bus = kinds.EventBridgeEvent(event)
        return show("bus", source=bus.source, type=bus.detail_type, number=bus.detail["number"], account=bus.account)
    source = event["Records"][0].get("eventSource") or event["Records"][0]["EventSource"]
    if source == "aws:sqs":
        return process_partial_response(event, one_message, processor, context)
    if source == "aws:sns":
        one = kinds.SNSEvent(event).record.sns
        return show("sns", message=one.message, subject=one.subject, topic=one.topic_arn,
                    size=one.message_attributes["size"].value, version=one.signature_version)
    show("s3", **s3_of(kinds.S3Event(event)))
"""


def _resources(bucket: str, code: dict[str, str], size: str) -> dict[str, Any]:
    function = {"Fn::GetAtt": ["Function", "Arn"]}
    role = {
        "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
        "Policies": [
            {
                "PolicyName": "all",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": ["events:*", "lambda:*", "logs:*", "sqs:*"],
                        "Resource": "*",
                    },
                },
            }
        ],
    }
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}
    to_queue = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
    }
    notifications = {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True},
        "LambdaConfigurations": [
            {"Event": "s3:ObjectCreated:*", "Function": function, "Filter": _prefix("function/")}
        ],
        "QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": queue, "Filter": _prefix("queue/")}],
    }
    pattern = {"source": ["shop", "aws.s3"], "$or": [{"detail": {"number": [7]}}, _under("bus/")]}
    made = {
        "Role": ("AWS::IAM::Role", role),
        "Function": (
            "AWS::Lambda::Function",
            {"Runtime": RUNTIME, "Handler": "app.handler", "Timeout": 30, "MemorySize": 256, "Code": code}
            | {"Role": {"Fn::GetAtt": ["Role", "Arn"]}},
        ),
        "Topic": ("AWS::SNS::Topic", {"Subscription": [{"Protocol": "lambda", "Endpoint": function}]}),
        "Queue": ("AWS::SQS::Queue", {}),
        "QueuePolicy": (
            "AWS::SQS::QueuePolicy",
            {"Queues": [{"Ref": "Queue"}], "PolicyDocument": {"Statement": [to_queue]}},
        ),
        "Mapping": (
            "AWS::Lambda::EventSourceMapping",
            {"EventSourceArn": queue, "FunctionName": function}
            | {"FunctionResponseTypes": ["ReportBatchItemFailures"]},
        ),
        "Rule": (
            "AWS::Events::Rule",
            {"EventPattern": pattern, "Targets": [{"Id": "function", "Arn": function}]},
        ),
        "Bucket": ("AWS::S3::Bucket", {"BucketName": bucket, "NotificationConfiguration": notifications}),
        "Thing": ("Custom::Thing", {"ServiceToken": function, "Size": size}),
    }
    for principal in ("sns", "events", "s3"):
        given = {"Action": "lambda:InvokeFunction", "FunctionName": function}
        made[f"By{principal}"] = (
            "AWS::Lambda::Permission",
            {**given, "Principal": f"{principal}.amazonaws.com"},
        )
    resources: dict[str, Any] = {
        name: {"Type": kind, "Properties": given} for name, (kind, given) in made.items()
    }
    resources["Bucket"]["DependsOn"] = ["Bys3", "QueuePolicy"]
    return resources


def _prefix(prefix: str) -> dict[str, Any]:
    return {"S3Key": {"Rules": [{"Name": "prefix", "Value": prefix}]}}


def _under(prefix: str) -> dict[str, Any]:
    return {"detail": {"object": {"key": [{"prefix": prefix}]}}}


class Stack:
    """The application, with the records that its function has printed."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = f"power-{uuid4().hex[:8]}"
        self._code = {"S3Bucket": f"{self.name}-code", "S3Key": "app.zip"}
        client("s3").create_bucket(Bucket=self._code["S3Bucket"])
        package = package_with(*PACKAGES, "crhelper", app=APP)
        client("s3").put_object(Bucket=self._code["S3Bucket"], Key="app.zip", Body=package)

    def template(self, size: str) -> str:
        gives = {"Polled": ["Thing", "Polled"], "Queue": None, "Topic": None, "Function": None}
        shown = {
            name: {"Value": {"Ref": name} if path is None else {"Fn::GetAtt": path}}
            for name, path in gives.items()
        }
        return json.dumps({"Resources": _resources(self.name, self._code, size), "Outputs": shown})

    def seen(self, kind: str) -> list[dict[str, Any]]:
        resources = self.client("cloudformation").describe_stack_resources(StackName=self.name)
        named = {one["LogicalResourceId"]: one for one in resources["StackResources"]}
        resource = named.get("Function", {})
        group = f"/aws/lambda/{resource.get('PhysicalResourceId', 'none')}"
        try:
            found = self.client("logs").filter_log_events(logGroupName=group, filterPattern="SEEN")["events"]
        except self.client("logs").exceptions.ResourceNotFoundException:
            return []
        records = [json.loads(one["message"].split("SEEN ", 1)[1]) for one in found]
        return [one for one in records if one.pop("kind") == kind]

    def wait(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = wait_for(lambda: self.seen(kind), 40)
        return found


@pytest.fixture(scope="module")
def stack(node: Any) -> Stack:
    """A stack whose custom resource is done when crhelper's own rule has called the function again."""
    client = node.client
    made = Stack(client)
    client("cloudformation").create_stack(
        StackName=made.name, TemplateBody=made.template("small"), Capabilities=["CAPABILITY_IAM"]
    )
    made.wait("Create")
    _fire_the_rule_of_crhelper(client)
    settled(client, made.name)
    return made


def rules_of_crhelper(client: Client) -> list[str]:
    """They begin with the logical id."""
    return [rule["Name"] for rule in client("events").list_rules(NamePrefix="Thing")["Rules"]]


def _fire_the_rule_of_crhelper(client: Client) -> None:
    """Call the function with what the rule gives it each minute, without waiting for the minute."""

    def targets() -> list[dict[str, Any]]:
        rules = rules_of_crhelper(client)
        return [
            target
            for rule in rules
            for target in client("events").list_targets_by_rule(Rule=rule)["Targets"]
            if "CrHelperPoll" in target.get("Input", "")
        ]

    (target,) = wait_for(targets)
    client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"].encode())


def test_a_custom_resource_of_crhelper_that_polls(client: Client, stack: Stack) -> None:
    (found,) = client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    assert outputs(found)["Polled"] == "yes"
    assert stack.seen("Create") == [
        {"type": "Custom::Thing", "logical": "Thing", "size": "small", "old": None}
    ]
    assert stack.seen("poll") == [{}]
    assert rules_of_crhelper(client) == [], "crhelper takes its rule away"


def test_messages_and_events(client: Client, stack: Stack) -> None:
    (found,) = client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    given = outputs(found)
    size = {"size": {"DataType": "Number", "StringValue": "3"}}
    client("sns").publish(TopicArn=given["Topic"], Message="hello", Subject="S", MessageAttributes=size)
    color = {"color": {"DataType": "String", "StringValue": "red"}}
    client("sqs").send_message(QueueUrl=given["Queue"], MessageBody="good", MessageAttributes=color)
    client("events").put_events(
        Entries=[{"Source": "shop", "DetailType": "order", "Detail": '{"number": 7}'}]
    )
    for prefix in ("function", "queue", "bus"):
        client("s3").put_object(Bucket=stack.name, Key=f"{prefix}/a b é.txt", Body=b"12345")
    topic = {"message": "hello", "subject": "S", "topic": given["Topic"], "size": "3", "version": "1"}
    assert stack.wait("sns") == [topic]
    (message,) = stack.wait("sqs")
    assert message.pop("queue").endswith(given["Queue"].rsplit("/", 1)[-1])
    assert message == {"body": "good", "tries": "1", "region": "us-east-1", "color": "red"}
    assert stack.wait("bus") == [{"source": "shop", "type": "order", "number": 7, "account": "000000000000"}]
    put = {"name": "ObjectCreated:Put", "bucket": stack.name, "size": 5, "source": "127.0.0.1"}
    assert stack.wait("s3") == [{**put, "key": "function/a b é.txt"}]
    assert stack.wait("s3 by sqs") == [{**put, "key": "queue/a b é.txt"}]
    assert stack.wait("s3 by bus") == [{"key": "bus/a b é.txt", "bucket": stack.name, "why": "PutObject"}]


def test_a_custom_resource_of_crhelper_that_changes_fails_and_goes(client: Client, stack: Stack) -> None:
    stacks = client("cloudformation")
    capabilities = ["CAPABILITY_IAM"]
    stacks.update_stack(StackName=stack.name, TemplateBody=stack.template("bad"), Capabilities=capabilities)
    assert settled(client, stack.name)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert [one["size"] for one in stack.seen("Update")] == ["bad", "small"]
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in stacks.describe_stack_events(StackName=stack.name)["StackEvents"]
        if event["LogicalResourceId"] == "Thing"
    ]
    assert any("no such size" in reason for reason in reasons), reasons
