"""Stack policies, notifications, time limits, and how deletions end: settings of stacks beside their templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from custom_rig import Topic, answer, begin, events, put, settled

Client = Callable[..., Any]
ALLOW = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


@pytest.fixture
def stack() -> str:
    return f"settings-{uuid4().hex[:8]}"


@pytest.fixture
def topic(client: Client, stack: str) -> Topic:
    return Topic(client, stack)


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def update(client: Client, stack: str, resources: dict[str, Any], **more: Any) -> str:
    body = json.dumps({"Resources": resources})
    client("cloudformation").update_stack(StackName=stack, TemplateBody=body, **more)
    return str(settled(client, stack)["StackStatus"])


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": [ALLOW, *statements]})


@pytest.mark.parametrize(
    ("action", "resources"),
    [
        ("Update:Modify", {"Kept": queue(DelaySeconds=5), "Other": queue()}),
        ("Update:Replace", {"Kept": queue(QueueName="another"), "Other": queue()}),
        ("Update:Delete", {"Other": queue()}),
    ],
)
def test_a_stack_policy_denies(client: Client, stack: str, action: str, resources: dict[str, Any]) -> None:
    stacks = client("cloudformation")
    begin(client, stack, {"Kept": queue(), "Other": queue()})
    settled(client, stack)
    deny = {"Effect": "Deny", "Action": action, "Principal": "*", "Resource": "LogicalResourceId/Ke*"}
    stacks.set_stack_policy(StackName=stack, StackPolicyBody=policy(deny))
    assert json.loads(stacks.get_stack_policy(StackName=stack)["StackPolicyBody"])["Statement"][1] == deny
    assert update(client, stack, resources) == "UPDATE_ROLLBACK_COMPLETE"
    reason = (
        f"Action denied by stack policy: Statement [#2] does not allow [{action}] for resource "
        "[LogicalResourceId/Ke*]"
    )
    assert ("UPDATE_FAILED", reason) in events(client, stack, "Kept")
    during = {"StackPolicyDuringUpdateBody": policy()}
    assert update(client, stack, resources, **during) == "UPDATE_COMPLETE"
    assert "Deny" in stacks.get_stack_policy(StackName=stack)["StackPolicyBody"]


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        '{"Statement": [{"Effect": "Maybe"}]}',
        policy({**ALLOW, "Action": "Update:Else"}),
    ],
)
def test_what_is_not_a_policy(client: Client, stack: str, text: str) -> None:
    stacks = client("cloudformation")
    with pytest.raises(stacks.exceptions.ClientError, match="Error validating stack policy"):
        stacks.create_stack(
            StackName=stack,
            StackPolicyBody=text,
            TemplateBody=json.dumps({"Resources": {"Q": queue()}}),
        )


def test_events_are_published(client: Client, stack: str) -> None:
    arn = client("sns").create_topic(Name=stack)["TopicArn"]
    url = client("sqs").create_queue(QueueName=stack)["QueueUrl"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    client("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})}
    )
    client("sns").subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=attributes["QueueArn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    begin(client, stack, {"Q": queue()}, NotificationARNs=[arn])
    assert settled(client, stack)["NotificationARNs"] == [arn]
    told: list[str] = []
    while len(told) < 5:
        got = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10)
        assert got.get("Messages"), told
        for one in got["Messages"]:
            lines = dict(line.split("=", 1) for line in one["Body"].strip().split("\n"))
            told.append(f"{lines['LogicalResourceId']} {lines['ResourceStatus']}".replace("'", ""))
            client("sqs").delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
    assert sorted(told) == sorted(
        [
            f"{stack} CREATE_IN_PROGRESS",
            "Q CREATE_IN_PROGRESS",
            "Q CREATE_IN_PROGRESS",
            "Q CREATE_COMPLETE",
            f"{stack} CREATE_COMPLETE",
        ]
    )


def test_what_cannot_be_deleted_is_forced(client: Client, stack: str, topic: Topic) -> None:
    stacks = client("cloudformation")
    begin(client, stack, {"Thing": topic.thing(), "Q": queue()})
    request = topic.next()
    put(request["ResponseURL"], answer(request))
    stack_id = settled(client, stack)["StackId"]
    with pytest.raises(stacks.exceptions.ClientError, match="DELETE_FAILED state"):
        stacks.delete_stack(StackName=stack, DeletionMode="FORCE_DELETE_STACK")
    for mode, ending in ((None, "DELETE_FAILED"), ("FORCE_DELETE_STACK", "DELETE_COMPLETE")):
        stacks.delete_stack(StackName=stack_id, **({"DeletionMode": mode} if mode else {}))
        request = topic.next()
        put(request["ResponseURL"], answer(request, Status="FAILED", Reason="never"))
        assert settled(client, stack_id)["StackStatus"] == ending
    assert events(client, stack_id, "Thing")[-1] == ("DELETE_SKIPPED", "")


def test_new_resources_go_whatever_their_policy(client: Client, stack: str) -> None:
    retained = {**queue(QueueName=stack), "DeletionPolicy": "Retain"}
    failing = {
        "Type": "Custom::A",
        "DependsOn": "Q",
        "Properties": {"ServiceToken": "arn:aws:lambda:us-east-1:000000000000:function:nobody"},
    }
    begin(client, stack, {"Q": retained, "Thing": failing}, RetainExceptOnCreate=True)
    assert settled(client, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert events(client, stack, "Q")[-1][0] == "DELETE_COMPLETE"
