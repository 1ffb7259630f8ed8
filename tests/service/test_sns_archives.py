"""SNS by boto3: a FIFO topic archives what is published, and replays it to a queue with what is published meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_refusals import refusal
from sns_rig import Client, Inbox, unique, verify
from waiting import wait_for

ALL = json.dumps({"PointType": "Timestamp", "StartingPoint": "2020-01-01T00:00:00Z"})
ARCHIVE = '{"MessageRetentionPeriod":"30"}'


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true", "ArchivePolicy": ARCHIVE}
    return str(sns.create_topic(Name=f"{unique('t')}.fifo", Attributes=attributes)["TopicArn"])


def publish(sns: Any, topic: str, *numbers: int) -> list[str]:
    ids: list[str] = []
    for begin in range(0, len(numbers), 10):
        entries = [
            {"Id": str(number), "Message": str(number), "MessageGroupId": "g"}
            for number in numbers[begin : begin + 10]
        ]
        reply = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        ids += [one["MessageId"] for one in reply["Successful"]]
    return ids


def status(sns: Any, subscription: str) -> dict[str, Any]:
    shown = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    value: dict[str, Any] = json.loads(shown["ReplayStatus"])
    return value


def test_who_subscribes_later_gets_what_was_published_before(client: Client, sns: Any, topic: str) -> None:
    ids = publish(sns, topic, *range(60))
    inbox = Inbox.make(client, fifo=True)
    attributes = {"ReplayPolicy": ALL}
    arn = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    publish(sns, topic, *range(60, 90))
    found = inbox.notifications(90)
    assert [int(one["Message"]) for one in found] == list(range(90))
    assert [one["MessageId"] for one in found[:60]] == ids
    assert all(one["Replayed"] == "true" for one in found[:60])
    verify(found[0])
    wait_for(lambda: status(sns, arn)["Status"] == "Completed")
    publish(sns, topic, 90)
    (live,) = inbox.notifications()
    assert (live["Message"], "Replayed" in live) == ("90", False)


def test_a_replay_is_filtered_and_begins_anew(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client, fifo=True)
    wanted = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": inbox.arn}
    policy = {"FilterPolicy": '{"n": [1]}', "FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"}
    arn = sns.subscribe(**wanted, Attributes=policy)["SubscriptionArn"]
    for number in (1, 2):
        sns.publish(TopicArn=topic, Message=json.dumps({"n": number}), MessageGroupId="g")
    (first,) = inbox.take()
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="ReplayPolicy", AttributeValue=ALL)
    (again,) = inbox.take()
    assert first["Body"] == again["Body"] == '{"n": 1}'
    assert again["Attributes"]["MessageGroupId"] == "g"
    wait_for(lambda: status(sns, arn) == {"Status": "Completed", "ReplayedMessages": 1})
    sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="ReplayPolicy", AttributeValue="{}")
    assert "ReplayStatus" not in sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]


def test_an_archive_is_ended_before_its_topic(client: Client, sns: Any, topic: str) -> None:
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (shown["ArchivePolicy"], "BeginningArchiveTime" in shown) == (ARCHIVE, True)
    assert refusal(sns.delete_topic, TopicArn=topic)[:2] == ("InvalidState", 400)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert not {"ArchivePolicy", "BeginningArchiveTime"} & set(shown)
    inbox = Inbox.make(client, fifo=True)
    wanted = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": inbox.arn}
    code, _, text = refusal(sns.subscribe, **wanted, Attributes={"ReplayPolicy": ALL})
    assert (code, "no ArchivePolicy" in text) == ("InvalidParameter", True)
    sns.delete_topic(TopicArn=topic)


@pytest.mark.parametrize(
    "policy", ['{"MessageRetentionPeriod":"0"}', '{"MessageRetentionPeriod":366}', "x", '{"a":1}']
)
def test_an_archive_policy_that_is_none(sns: Any, topic: str, policy: str) -> None:
    wanted = {"TopicArn": topic, "AttributeName": "ArchivePolicy", "AttributeValue": policy}
    assert refusal(sns.set_topic_attributes, **wanted)[:2] == ("InvalidParameter", 400)


@pytest.mark.parametrize(
    "policy",
    [
        {"PointType": "Offset", "StartingPoint": "2024-01-01T00:00:00Z"},
        {"PointType": "Timestamp", "StartingPoint": "yesterday"},
        {
            "PointType": "Timestamp",
            "StartingPoint": "2024-01-02T00:00:00Z",
            "EndingPoint": "2024-01-01T00:00:00Z",
        },
    ],
)
def test_a_replay_policy_that_is_none(client: Client, sns: Any, topic: str, policy: dict[str, str]) -> None:
    wanted = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}
    refused = refusal(sns.subscribe, **wanted, Attributes={"ReplayPolicy": json.dumps(policy)})
    assert refused[:2] == ("InvalidParameter", 400)
