"""SNS over a stop and a start, and over a crash: what was acknowledged is still there."""

from __future__ import annotations

import json
from pathlib import Path

from nodes import RunningNode
from sns_rig import HttpEndpoint, Inbox, unique, verify, visit
from waiting import wait_for

RETRIES = json.dumps({"healthyRetryPolicy": {"numRetries": 50, "minDelayTarget": 1, "maxDelayTarget": 1}})


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    sns = node.client("sns")
    policy = {"FifoTopic": "true", "DisplayName": "Orders", "SignatureVersion": "2"}
    fifo = sns.create_topic(Name=unique("t") + ".fifo", Attributes=policy, Tags=[{"Key": "a", "Value": "b"}])[
        "TopicArn"
    ]
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    inbox = Inbox.make(node.client, fifo=True)
    sns.subscribe(TopicArn=fifo, Protocol="sqs", Endpoint=inbox.arn)
    same = {"TopicArn": fifo, "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = sns.publish(**same, Message="kept")
    with HttpEndpoint() as endpoint, HttpEndpoint() as waiting:
        for one in (endpoint, waiting):
            sns.subscribe(
                TopicArn=topic, Protocol="http", Endpoint=one.url, Attributes={"DeliveryPolicy": RETRIES}
            )
        endpoint.confirm()
        asked = waiting.wait("SubscriptionConfirmation")[0].json()
        endpoint.answers += [500] * 1
        sns.publish(TopicArn=topic, Message="undelivered")
        endpoint.wait("Notification")
        attributes = sns.get_topic_attributes(TopicArn=fifo)["Attributes"]
        assert node.stop() == 0

        again = RunningNode(tmp_path, port=node.port)
        sns = again.client("sns")
        assert sns.get_topic_attributes(TopicArn=fifo)["Attributes"] == attributes
        assert sns.list_tags_for_resource(ResourceArn=fifo)["Tags"] == [{"Key": "a", "Value": "b"}]
        second = sns.publish(**same, Message="a duplicate")
        assert second["MessageId"] == first["MessageId"]
        inbox = Inbox(again.client("sqs"), inbox.url, inbox.arn)
        (kept,) = inbox.notifications()
        assert kept["Message"] == "kept"
        verify(kept)  # by the certificate from before
        assert [post.json()["Message"] for post in endpoint.wait("Notification", 2)] == ["undelivered"] * 2
        verify(asked)
        visit(asked["SubscribeURL"])
        sns.publish(TopicArn=topic, Message="to both")
        assert waiting.wait("Notification")[0].json()["Message"] == "to both"
        assert again.stop() == 0


def test_what_was_acknowledged_survives_a_crash(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    sns = node.client("sns")
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    inbox = Inbox.make(node.client)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    with HttpEndpoint() as endpoint:
        sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint=endpoint.url, Attributes={"DeliveryPolicy": RETRIES}
        )
        endpoint.confirm()
        endpoint.answers += [503] * 3
        acknowledged = [sns.publish(TopicArn=topic, Message=f"{at}")["MessageId"] for at in range(20)]
        node.kill()

        again = RunningNode(tmp_path, port=node.port)
        inbox = Inbox(again.client("sqs"), inbox.url, inbox.arn)
        assert {one["MessageId"] for one in inbox.notifications(20)} == set(acknowledged)

        def arrived() -> set[str]:
            return {post.headers["x-amz-sns-message-id"] for post in endpoint.of_kind("Notification")}

        wait_for(lambda: arrived() >= set(acknowledged))
        assert again.stop() == 0
