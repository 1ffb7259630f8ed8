"""SNS by boto3: FIFO topics keep the order of a group and drop what comes twice."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aws_refusals import refusal
from sns_rig import Client, Inbox, unique


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


def make(sns: Any, **attributes: str) -> str:
    name = unique("topic") + ".fifo"
    return str(sns.create_topic(Name=name, Attributes={"FifoTopic": "true", **attributes})["TopicArn"])


@pytest.fixture
def topic(sns: Any) -> str:
    return make(sns)


def subscribed(client: Client, sns: Any, topic: str, fifo: bool = True, **attributes: str) -> Inbox:
    inbox = Inbox.make(client, fifo)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)
    return inbox


def test_a_group_is_received_in_its_order(client: Client, sns: Any, topic: str) -> None:
    inbox = subscribed(client, sns, topic)
    sequences = []
    for at in range(25):
        reply = sns.publish(
            TopicArn=topic, Message=f"{at}", MessageGroupId="g", MessageDeduplicationId=f"d{at}"
        )
        sequences.append(reply["SequenceNumber"])
    assert sequences == sorted(set(sequences))
    assert all(len(one) == 20 for one in sequences)
    messages = inbox.take(25)
    shown = [json.loads(message["Body"]) for message in messages]
    assert [one["Message"] for one in shown] == [str(at) for at in range(25)]
    assert [one["SequenceNumber"] for one in shown] == sequences
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"g"}
    assert [message["Attributes"]["MessageDeduplicationId"] for message in messages] == [
        f"d{at}" for at in range(25)
    ]


def test_what_comes_twice_is_answered_as_the_first_was(client: Client, sns: Any, topic: str) -> None:
    inbox = subscribed(client, sns, topic, RawMessageDelivery="true")
    same = {"TopicArn": topic, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sns.publish(**same, Message="first")
    second = sns.publish(**same, Message="second")
    assert (second["MessageId"], second["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    sns.publish(**{**same, "MessageGroupId": "h"}, Message="of another group")
    assert [message["Body"] for message in inbox.take()] == ["first"]


def test_deduplication_by_group(client: Client, sns: Any) -> None:
    topic = make(sns, FifoThroughputScope="MessageGroup")
    inbox = subscribed(client, sns, topic, RawMessageDelivery="true")
    queue = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    inbox.sqs.set_queue_attributes(QueueUrl=inbox.url, Attributes=queue)
    for group in ("g", "h", "g"):
        sns.publish(TopicArn=topic, Message=group, MessageGroupId=group, MessageDeduplicationId="d")
    assert {message["Body"] for message in inbox.take(2)} == {"g", "h"}


def test_deduplication_by_content(client: Client, sns: Any) -> None:
    topic = make(sns, ContentBasedDeduplication="true")
    inbox = subscribed(client, sns, topic)
    for message in ("a", "a", "b"):
        sns.publish(TopicArn=topic, Message=message, MessageGroupId="g")
    sns.publish(TopicArn=topic, Message="a", MessageGroupId="g", MessageDeduplicationId="another")
    assert [one["Message"] for one in inbox.notifications(3)] == ["a", "b", "a"]


def test_a_batch_keeps_its_order_and_drops_what_is_in_it_twice(client: Client, sns: Any, topic: str) -> None:
    inbox = subscribed(client, sns, topic, RawMessageDelivery="true")
    entries = [
        {"Id": f"e{at}", "Message": f"{at}", "MessageGroupId": "g", "MessageDeduplicationId": f"d{at % 4}"}
        for at in range(6)
    ]
    without = [{"Id": "none", "Message": "without group", "MessageDeduplicationId": "x"}]
    told = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    refused = refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=[*entries, *without])
    assert refused == ("InvalidParameter", 400, told)
    reply = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    by_id = {one["Id"]: one["MessageId"] for one in reply["Successful"]}
    assert len(by_id) == 6
    assert (by_id["e4"], by_id["e5"]) == (by_id["e0"], by_id["e1"])
    assert [message["Body"] for message in inbox.take(4)] == ["0", "1", "2", "3"]


def test_a_standard_queue_may_subscribe(client: Client, sns: Any, topic: str) -> None:
    inbox = subscribed(client, sns, topic, fifo=False)
    sns.publish(TopicArn=topic, Message="m", MessageGroupId="g", MessageDeduplicationId="d")
    assert inbox.notifications()[0]["Message"] == "m"


def test_a_fifo_dead_letter_queue(client: Client, sns: Any, topic: str) -> None:
    closed, dead = Inbox.make(client, fifo=True, open_to_topics=False), Inbox.make(client, fifo=True)
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=closed.arn, Attributes={"RedrivePolicy": policy})
    sns.publish(TopicArn=topic, Message="m", MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = dead.take()
    assert json.loads(message["Body"])["Message"] == "m"
    assert message["Attributes"]["MessageGroupId"] == "g"


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"MessageDeduplicationId": "d"}, "The MessageGroupId parameter is required for FIFO topics"),
        ({"MessageGroupId": "g"}, "The topic should either have ContentBasedDeduplication enabled"),
        ({"MessageGroupId": "x" * 129, "MessageDeduplicationId": "d"}, "MessageGroupId Reason"),
        ({"MessageGroupId": "g", "MessageDeduplicationId": "ä"}, "MessageDeduplicationId Reason"),
    ],
)
def test_what_a_fifo_topic_needs(sns: Any, topic: str, params: dict[str, str], told: str) -> None:
    code, status, message = refusal(sns.publish, TopicArn=topic, Message="m", **params)
    assert (code, status) == ("InvalidParameter", 400)
    assert message.startswith(f"Invalid parameter: {told}")


def test_who_may_subscribe(client: Client, sns: Any, topic: str) -> None:
    fifo = Inbox.make(client, fifo=True)
    standard = sns.create_topic(Name=unique("topic"))["TopicArn"]
    refused = refusal(sns.subscribe, TopicArn=standard, Protocol="sqs", Endpoint=fifo.arn)
    assert (refused[0], "FIFO SQS Queues can not be subscribed" in refused[2]) == ("InvalidParameter", True)
    refused = refusal(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint="http://localhost/")
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Invalid protocol type: http")


def test_a_signed_topic_keeps_its_order_among_many_publishers(client: Client, sns: Any) -> None:
    """A signature is waited for; the queue has the numbers in their order nevertheless."""
    topic = make(sns, SignatureVersion="2", ContentBasedDeduplication="true")
    inbox = subscribed(client, sns, topic)

    def publish(publisher: int) -> None:
        for at in range(3):
            entries = [
                {"Id": f"e{one}", "Message": f"{publisher} {at} {one}", "MessageGroupId": "g"}
                for one in range(5)
            ]
            sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)

    with ThreadPoolExecutor(4) as publishers:
        list(publishers.map(publish, range(4)))
    shown = inbox.notifications(60)
    assert [one["SequenceNumber"] for one in shown] == sorted(one["SequenceNumber"] for one in shown)
    for publisher in range(4):
        mine = [one["Message"] for one in shown if one["Message"].startswith(f"{publisher} ")]
        assert mine == [f"{publisher} {at} {one}" for at in range(3) for one in range(5)]
