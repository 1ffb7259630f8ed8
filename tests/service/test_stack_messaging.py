"""Queues, topics, policies, subscriptions and event source mappings in one stack: made, changed, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from function_rig import zip_of
from lambda_rig import allow, trust
from waiting import wait_for

Client = Callable[..., Any]


def arn_of(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def policy(service: str, action: str, sid: str) -> dict[str, Any]:
    statement = {
        "Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Action": action, "Resource": "*",
    }  # fmt: skip
    return {"Version": "2012-10-17", "Statement": [statement]}


def template(function: str, version: int) -> dict[str, Any]:
    first = version == 1
    resources: dict[str, Any] = {
        "Dead": {"Type": "AWS::SQS::Queue"},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 30 + version,
                "Tags": [{"Key": f"tag-{version}", "Value": "x"}],
                **(
                    {
                        "DelaySeconds": "1",
                        "RedrivePolicy": {"deadLetterTargetArn": arn_of("Dead"), "maxReceiveCount": 3},
                    }
                    if first
                    else {}
                ),
            },
        },
        "Ordered": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"FifoQueue": True, "ContentBasedDeduplication": first},
        },
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}, *([{"Ref": "Dead"}] if first else [])],
                "PolicyDocument": policy("sns.amazonaws.com", "sqs:SendMessage", f"v{version}"),
            },
        },
        "InlinePolicy": {
            "Type": "AWS::SQS::QueueInlinePolicy",
            "Properties": {
                "Queue": {"Ref": "Ordered"},
                "PolicyDocument": policy("sns.amazonaws.com", "sqs:SendMessage", f"v{version}"),
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "DisplayName": f"version {version}",
                "Subscription": [{"Protocol": "sqs", "Endpoint": arn_of("Queue" if first else "Dead")}],
            },
        },
        "OrderedTopic": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True}},
        "TopicPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {
                "Topics": [{"Ref": "Topic"}],
                "PolicyDocument": policy("events.amazonaws.com", "sns:Publish", f"v{version}"),
            },
        },
        "TopicInlinePolicy": {
            "Type": "AWS::SNS::TopicInlinePolicy",
            "Properties": {
                "TopicArn": {"Ref": "OrderedTopic"},
                "PolicyDocument": policy("events.amazonaws.com", "sns:Publish", f"v{version}"),
            },
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "OrderedTopic"},
                "Protocol": "sqs",
                "Endpoint": arn_of("Ordered"),
                **(
                    {"RawMessageDelivery": True, "FilterPolicy": {"kind": ["a"]}}
                    if first
                    else {"FilterPolicyScope": "MessageBody", "FilterPolicy": {"kind": {"of": ["b"]}}}
                ),
            },
        },
        "Mapping": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": function,
                "EventSourceArn": arn_of("Queue"),
                "Enabled": "true",
                **({"BatchSize": "7", "ScalingConfig": {"MaximumConcurrency": "5"}} if first else {}),
            },
        },
    }
    names = ("Queue", "Dead", "Ordered", "Topic", "OrderedTopic", "Subscription", "Mapping")
    return {"Resources": resources, "Outputs": {name: {"Value": {"Ref": name}} for name in names}}


@pytest.fixture
def function(client: Client) -> str:
    name = f"fed-{uuid4().hex[:8]}"
    role = client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )["Role"]["Arn"]
    allow(client("iam"), name, "sqs:*")
    client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.11",
        Handler="app.handler",
        Code={"ZipFile": zip_of({"app.py": "def handler(event, context): pass"})},
    )
    return name


def settled(client: Client, stack: str, status: str) -> dict[str, str]:
    """The stack's outputs, once it has this status."""
    cloudformation = client("cloudformation")

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    found = wait_for(ended, 60)
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert found["StackStatus"] == status, [event.get("ResourceStatusReason") for event in events]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}


def queue_attributes(client: Client, url: str) -> dict[str, str]:
    found: dict[str, str] = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
        "Attributes"
    ]
    return found


def sid(policy_text: str) -> str:
    return str(json.loads(policy_text)["Statement"][0]["Sid"])


def test_messaging_types_made_changed_and_deleted(client: Client, function: str) -> None:
    cloudformation, sqs, sns, functions = (client(one) for one in ("cloudformation", "sqs", "sns", "lambda"))
    stack = f"messaging-{uuid4().hex[:8]}"
    made = cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template(function, 1)))
    one = settled(client, stack, "CREATE_COMPLETE")
    queue = queue_attributes(client, one["Queue"])
    assert (queue["VisibilityTimeout"], queue["DelaySeconds"], sid(queue["Policy"])) == ("31", "1", "v1")
    dead_arn = queue_attributes(client, one["Dead"])["QueueArn"]
    assert json.loads(queue["RedrivePolicy"]) == {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 3}
    assert one["Ordered"].endswith(".fifo")
    assert queue_attributes(client, one["Ordered"])["ContentBasedDeduplication"] == "true"
    topic = sns.get_topic_attributes(TopicArn=one["Topic"])["Attributes"]
    assert (topic["DisplayName"], topic["SubscriptionsConfirmed"], sid(topic["Policy"])) == (
        "version 1", "1", "v1",
    )  # fmt: skip
    subscription = sns.get_subscription_attributes(SubscriptionArn=one["Subscription"])["Attributes"]
    assert subscription["RawMessageDelivery"] == "true"
    mapping = functions.get_event_source_mapping(UUID=one["Mapping"])
    assert (mapping["BatchSize"], mapping["ScalingConfig"]) == (7, {"MaximumConcurrency": 5})

    cloudformation.update_stack(StackName=stack, TemplateBody=json.dumps(template(function, 2)))
    two = settled(client, stack, "UPDATE_COMPLETE")
    assert two == one
    queue = queue_attributes(client, one["Queue"])
    assert (queue["VisibilityTimeout"], queue["DelaySeconds"], sid(queue["Policy"])) == ("32", "0", "v2")
    assert "RedrivePolicy" not in queue
    tags = sqs.list_queue_tags(QueueUrl=one["Queue"])["Tags"]
    assert tags.pop("tag-2") == "x"
    assert all(name.startswith("aws:cloudformation:") for name in tags)
    assert "Policy" not in queue_attributes(client, one["Dead"])
    assert queue_attributes(client, one["Ordered"])["ContentBasedDeduplication"] == "false"
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=one["Topic"])["Subscriptions"]
    assert listed["Endpoint"] == dead_arn
    subscription = sns.get_subscription_attributes(SubscriptionArn=one["Subscription"])["Attributes"]
    assert subscription["RawMessageDelivery"] == "false"
    assert subscription["FilterPolicyScope"] == "MessageBody"
    mapping = functions.get_event_source_mapping(UUID=one["Mapping"])
    assert mapping["BatchSize"] == 10
    assert "ScalingConfig" not in mapping

    cloudformation.delete_stack(StackName=stack)
    settled(client, made["StackId"], "DELETE_COMPLETE")
    for name in ("Queue", "Dead", "Ordered"):
        with pytest.raises(ClientError, match=r"NonExistentQueue|QueueDoesNotExist"):
            queue_attributes(client, one[name])
    with pytest.raises(ClientError, match="NotFound"):
        sns.get_topic_attributes(TopicArn=one["Topic"])
    with pytest.raises(ClientError, match="ResourceNotFound"):
        functions.get_event_source_mapping(UUID=one["Mapping"])


def test_somebody_elses_queue_or_topic_is_not_taken_over(client: Client) -> None:
    name = f"taken-{uuid4().hex[:8]}"
    url = client("sqs").create_queue(QueueName=name)["QueueUrl"]
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    for kind, named in (("AWS::SQS::Queue", "QueueName"), ("AWS::SNS::Topic", "TopicName")):
        body = {"Resources": {"One": {"Type": kind, "Properties": {named: name}}}}
        stack = f"taker-{uuid4().hex[:8]}"
        client("cloudformation").create_stack(StackName=stack, TemplateBody=json.dumps(body))
        settled(client, stack, "ROLLBACK_COMPLETE")
    assert queue_attributes(client, url)
    assert client("sns").get_topic_attributes(TopicArn=topic)
