"""A policy that cannot be read again is refused when it is given, and never breaks those who meet it later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sns_rig import unique

OTHER = "222222222222"
Client = Callable[..., Any]

UNREADABLE = {
    "infinite": "1e999",
    "not a number": "NaN",
    "half a character": '"\\ud800"',
    "deep": "[" * 400 + "]" * 400,
}
LONG = "9" * 30  # beyond 64 bits, and still a number


@pytest.fixture(autouse=True)
def no_traceback(node: Any) -> Iterator[None]:
    """Whatever is sent, the node's log tells of no fault of its own."""
    before = len(node.output)
    yield
    assert not any("Traceback" in line for line in node.output[before:])


def code(call: Callable[..., Any], **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def policy(resource: str, action: str, condition: str) -> str:
    head = f'"Effect": "Allow", "Principal": "*", "Action": "{action}", "Resource": "{resource}"'
    return f'{{"Statement": [{{{head}, "Condition": {{"StringEquals": {{"aws:PrincipalOrgID": {condition}}}}}}}]}}'


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_foreign_subscriber_does_not_break_a_topic(client: Client, value: str) -> None:
    """Who may only subscribe gives a filter policy that cannot be read, and the owner publishes all the same."""
    sns, other = client("sns"), client("sns", account=OTHER)
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    grant = {"Effect": "Allow", "Principal": "*", "Action": "sns:Subscribe", "Resource": topic}
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [grant]})
    )
    name = unique("queue")
    client("sqs", account=OTHER).create_queue(QueueName=name)
    refused = code(
        other.subscribe,
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{OTHER}:{name}",
        Attributes={"FilterPolicy": f'{{"a": [{value}]}}'},
    )
    assert refused == "InvalidParameter"
    assert sns.publish(TopicArn=topic, Message="m")["MessageId"]


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_policies_that_cannot_be_read_again_are_refused(client: Client, value: str) -> None:
    """Each service refuses them in its own words, and what has the policy goes on."""
    sns, sqs, events, s3 = client("sns"), client("sqs"), client("events"), client("s3")
    logs, iam = client("logs"), client("iam")
    name = unique("kept")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    bus = events.create_event_bus(Name=name)["EventBusArn"]
    s3.create_bucket(Bucket=name)
    redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 3, "x": {value}}}'
    given = policy(topic, "sns:Publish", value)
    codes = [
        code(sns.set_topic_attributes, TopicArn=topic, AttributeName="Policy", AttributeValue=given),
        code(
            sqs.set_queue_attributes,
            QueueUrl=queue,
            Attributes={"Policy": policy(arn, "sqs:SendMessage", value)},
        ),
        code(sqs.set_queue_attributes, QueueUrl=queue, Attributes={"RedrivePolicy": redrive}),
        code(events.put_permission, EventBusName=name, Policy=policy(bus, "events:PutEvents", value)),
        code(
            s3.put_bucket_policy, Bucket=name, Policy=policy(f"arn:aws:s3:::{name}/*", "s3:GetObject", value)
        ),
        code(
            logs.put_resource_policy, policyName=name, policyDocument=policy("*", "logs:PutLogEvents", value)
        ),
        code(
            iam.create_policy,
            PolicyName=name,
            PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", '
            f'"Resource": "*", "Condition": {{"StringEquals": {{"aws:x": {value}}}}}}}]}}',
        ),
    ]
    assert codes == [
        "InvalidParameter",
        "InvalidAttributeValue",
        "InvalidParameterValue",
        "ValidationException",
        "MalformedPolicy",
        "InvalidParameterException",
        "MalformedPolicyDocument",
    ]
    assert sns.publish(TopicArn=topic, Message="m")["MessageId"]
    assert sqs.send_message(QueueUrl=queue, MessageBody="m")["MessageId"]


def test_a_number_beyond_64_bits_in_a_bus_policy_is_a_number(client: Client) -> None:
    """The policy is kept."""
    events = client("events")
    bus = events.create_event_bus(Name=unique("bus"))["EventBusArn"]
    events.put_permission(EventBusName=bus.rpartition("/")[2], Policy=policy(bus, "events:PutEvents", LONG))
    assert "Statement" in events.describe_event_bus(Name=bus)["Policy"]
