r"""JSON can escape half of a surrogate pair (\ud800), which no text can hold: it is refused, or replaced."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from lambda_rig import trust
from sns_rig import Client, Inbox

HALF = "\ud800"
QUEUE = {"Type": "AWS::SQS::Queue"}
UNREADABLE = [r'"\ud800"', "1e999", "9" * 4000]


@pytest.mark.parametrize(
    "template",
    [
        {"Resources": {"A": QUEUE}, "Outputs": {"O": {"Value": HALF}}},
        {"Resources": {"A": QUEUE}, "Description": HALF},
        {"Resources": {"A": {**QUEUE, "Metadata": {HALF: 1}}}},
        {"Resources": {"A": QUEUE}, "Conditions": {HALF: {"Fn::Equals": ["a", "b"]}}},
        {"Resources": {"A": {**QUEUE, "Properties": {"QueueName": {"Fn::Base64": HALF}}}}},
    ],
)
def test_a_template_is_refused(client: Client, template: dict[str, Any]) -> None:
    body = json.dumps(template)
    told = refusal(client("cloudformation").create_stack, StackName="half", TemplateBody=body)
    assert told[0] == "ValidationError"
    assert "Template format error: JSON not well-formed." in told[2]


def test_the_policy_of_a_bus_is_refused(client: Client) -> None:
    statement = {**trust("lambda.amazonaws.com")["Statement"][0], "Sid": HALF}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refusal(client("events").put_permission, Policy=policy)[0] == "ValidationException"


def test_an_event_is_put_of_which_a_rule_takes_it(client: Client) -> None:
    events, inbox, name = client("events"), Inbox.make(client), f"half-{uuid4().hex[:8]}"
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    transformer = {"InputPathsMap": {"a": "$.detail.a"}, "InputTemplate": '"it is <a>"'}
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": inbox.arn, "InputTransformer": transformer}])
    events.put_targets(Rule=name, Targets=[{"Id": "p", "Arn": inbox.arn, "InputPath": "$.detail"}])
    entry = {"Source": name, "DetailType": "d", "Detail": json.dumps({"a": HALF})}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


@pytest.mark.parametrize("value", UNREADABLE)
def test_no_filter_policy_ends_the_publishing_to_its_topic(client: Client, value: str) -> None:
    sns, inbox = client("sns"), Inbox.make(client)
    topic = sns.create_topic(Name=f"half-{uuid4().hex[:8]}")["TopicArn"]
    for name, text in (("FilterPolicy", f'{{"a": [{value}]}}'), ("RedrivePolicy", f'{{"x": {value}}}')):
        subscription = {
            "TopicArn": topic,
            "Protocol": "sqs",
            "Endpoint": inbox.arn,
            "Attributes": {name: text},
        }
        assert refusal(sns.subscribe, **subscription)[0] == "InvalidParameter"
    assert sns.publish(TopicArn=topic, Message="x")["MessageId"]


def test_a_message_for_each_protocol_is_refused(client: Client) -> None:
    sns = client("sns")
    topic = sns.create_topic(Name=f"half-{uuid4().hex[:8]}")["TopicArn"]
    message = json.dumps({"default": HALF})
    told = refusal(sns.publish, TopicArn=topic, Message=message, MessageStructure="json")
    assert told[0] == "InvalidParameter"


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_redrive_policy_is_refused(client: Client, value: str) -> None:
    sqs, inbox = client("sqs"), Inbox.make(client)
    policy = f'{{"deadLetterTargetArn": "{inbox.arn}", "maxReceiveCount": "1", "x": {value}}}'
    attributes = {"RedrivePolicy": policy}
    told = refusal(sqs.create_queue, QueueName=f"half-{uuid4().hex[:8]}", Attributes=attributes)
    assert told[0] == "InvalidParameterValue"
