"""SNS by boto3: what is published reaches queues, enveloped or raw; limits, attributes, structure and batches."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from aws_refusals import refusal
from sns_rig import ACCOUNT, Client, Inbox, allowing, unique, verify
from waiting import wait_for


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


@pytest.fixture
def inbox(client: Client, sns: Any, topic: str) -> Inbox:
    """A queue that subscribes to the topic."""
    made = Inbox.make(client)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=made.arn)
    return made


ATTRIBUTES: dict[str, dict[str, Any]] = {
    "kind": {"DataType": "String", "StringValue": "order"},
    "count": {"DataType": "Number", "StringValue": "3"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    "list": {"DataType": "String.Array", "StringValue": '["a", 1, true, null]'},
}


def test_a_queue_gets_the_envelope(node: Any, sns: Any, topic: str, inbox: Inbox) -> None:
    reply = sns.publish(TopicArn=topic, Message="hello ✓", Subject="gréeting", MessageAttributes=ATTRIBUTES)
    (shown,) = inbox.notifications()
    verify(shown)
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert shown.pop("Signature")
    certificate = re.escape(f"{node.endpoint}/SimpleNotificationService-") + r"[0-9a-f]{32}\.pem"
    assert re.fullmatch(certificate, shown.pop("SigningCertURL"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", shown.pop("Timestamp"))
    assert shown == {
        "Type": "Notification",
        "MessageId": reply["MessageId"],
        "TopicArn": topic,
        "Subject": "gréeting",
        "Message": "hello ✓",
        "SignatureVersion": "1",
        "UnsubscribeURL": f"{node.endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription['SubscriptionArn']}",
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "order"},
            "count": {"Type": "Number", "Value": "3"},
            "bytes": {"Type": "Binary", "Value": "AP8="},
            "list": {"Type": "String.Array", "Value": '["a", 1, true, null]'},
        },
    }


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_queue_gets_a_signature_of_the_version_that_its_topic_names(
    sns: Any, topic: str, inbox: Inbox, version: str
) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version)
    sns.publish(TopicArn=topic, Message="line\nline ü", Subject="s")
    sns.publish(TopicArn=topic, Message="without subject")
    for shown in inbox.notifications(2):
        assert shown["SignatureVersion"] == version
        verify(shown)
        with pytest.raises(InvalidSignature):
            verify({**shown, "Message": "forged"})


def test_the_signature_comes_when_the_message_is_received(sns: Any, topic: str, inbox: Inbox) -> None:
    tricky = 'about "Signature":"","SigningCertURL":"" and ä'
    sns.publish(TopicArn=topic, Message=tricky)
    wanted = {"QueueUrl": inbox.url, "WaitTimeSeconds": 5, "VisibilityTimeout": 0}
    first, again = (inbox.sqs.receive_message(**wanted)["Messages"][0] for _ in range(2))
    assert (first["Body"], first["MD5OfBody"]) == (again["Body"], again["MD5OfBody"])
    shown = json.loads(first["Body"])
    assert shown["Message"] == tricky
    verify(shown)


@pytest.mark.parametrize("raw", ["true", "False"])
def test_a_queue_gets_the_message_group(client: Client, sns: Any, topic: str, raw: str) -> None:
    inbox = Inbox.make(client)
    attributes = {"RawMessageDelivery": raw}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes)
    sns.publish(TopicArn=topic, Message="m", MessageGroupId="g")
    sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[{"Id": "1", "Message": "m", "MessageGroupId": "g"}],
    )
    assert [one["Attributes"]["MessageGroupId"] for one in inbox.take(2)] == ["g", "g"]


def test_a_queue_may_get_the_message_raw(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client)
    arn = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes={"RawMessageDelivery": "true"}
    )["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="raw", Subject="lost", MessageAttributes=ATTRIBUTES)
    (message,) = inbox.take()
    assert message["Body"] == "raw"
    received = message["MessageAttributes"]
    assert {name: one["DataType"] for name, one in received.items()} == {
        name: one["DataType"] for name, one in ATTRIBUTES.items()
    }
    assert received["bytes"]["BinaryValue"] == b"\x00\xff"
    assert received["count"]["StringValue"] == "3"
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="false"
    )
    sns.publish(TopicArn=topic, Message="enveloped")
    assert inbox.notifications()[0]["Message"] == "enveloped"


def test_each_subscriber_gets_its_own(client: Client, sns: Any, topic: str) -> None:
    inboxes = [Inbox.make(client) for _ in range(3)]
    for inbox in inboxes:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    message_id = sns.publish(TopicArn=topic, Message="all")["MessageId"]
    assert {inbox.notifications()[0]["MessageId"] for inbox in inboxes} == {message_id}


def test_a_queue_that_does_not_permit_the_topic_gets_nothing(client: Client, sns: Any, topic: str) -> None:
    """A client error: not tried again, but buried where there is a dead-letter queue that permits it."""
    closed, dead = Inbox.make(client, open_to_topics=False), Inbox.make(client)
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=closed.arn,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn})},
    )
    sns.publish(TopicArn=topic, Message="buried")
    assert dead.notifications()[0]["Message"] == "buried"
    assert closed.is_empty()
    other = json.dumps(allowing(closed.arn, "arn:aws:sns:*:*:other"))
    closed.sqs.set_queue_attributes(QueueUrl=closed.url, Attributes={"Policy": other})
    sns.publish(TopicArn=topic, Message="buried again")
    assert dead.notifications()[0]["Message"] == "buried again"
    mine = json.dumps(allowing(closed.arn, topic))
    closed.sqs.set_queue_attributes(QueueUrl=closed.url, Attributes={"Policy": mine})
    sns.publish(TopicArn=topic, Message="taken")
    assert closed.notifications()[0]["Message"] == "taken"


def test_a_queue_that_is_not_there(client: Client, sns: Any, topic: str) -> None:
    dead = Inbox.make(client)
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    gone = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{unique('gone')}"
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=gone,
        Attributes={"RedrivePolicy": policy, "RawMessageDelivery": "true"},
    )
    sns.publish(TopicArn=topic, Message="raw and buried", MessageAttributes=ATTRIBUTES)
    (message,) = dead.take()
    assert (message["Body"], set(message["MessageAttributes"])) == ("raw and buried", set(ATTRIBUTES))


def test_a_message_may_differ_by_protocol(client: Client, sns: Any, topic: str, inbox: Inbox) -> None:
    structured = {"default": "d", "sqs": "for queues", "http": 5, "pigeon": "x"}
    sns.publish(TopicArn=topic, Message=json.dumps(structured), MessageStructure="json")
    sns.publish(TopicArn=topic, Message='{"default": "d", "lambda": "l"}', MessageStructure="json")
    sns.publish(TopicArn=topic, Message='{"default": "d", "sqs": ""}', MessageStructure="json")
    assert [one["Message"] for one in inbox.notifications(3)] == ["for queues", "d", ""]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("no json", "Message Structure - JSON message body failed to parse"),
        ("[]", "Message Structure - No default entry in JSON message body"),
        ('{"sqs": "x"}', "Message Structure - No default entry in JSON message body"),
        ('{"default": 5}', "Message Structure - No default entry in JSON message body"),
        ('{"default": "a", "default": "b"}', "Message Structure - JSON message body failed to parse"),
    ],
)
def test_a_structure_that_is_none(sns: Any, topic: str, message: str, told: str) -> None:
    refused = refusal(sns.publish, TopicArn=topic, Message=message, MessageStructure="json")
    assert refused == ("InvalidParameter", 400, f"Invalid parameter: {told}")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "m", "Subject": ""}, "Subject"),
        ({"Message": "m", "Subject": "x" * 101}, "Subject"),
        ({"Message": "m", "Subject": "two\nlines"}, "Subject"),
        ({"Message": "x" * 262_145}, "Message too long"),
        ({"Message": "m", "MessageStructure": "xml"}, "MessageStructure"),
        (
            {"Message": "m", "MessageDeduplicationId": "d"},
            "MessageDeduplicationId Reason: The request includes",
        ),
        ({"Message": "m", "MessageGroupId": "a b"}, "MessageGroupId Reason: can only include"),
    ],
)
def test_what_is_no_message(sns: Any, topic: str, params: dict[str, str], told: str) -> None:
    code, status, message = refusal(sns.publish, TopicArn=topic, **params)
    assert (code, status) == ("InvalidParameter", 400)
    assert message.startswith(f"Invalid parameter: {told}")


def test_a_subject_and_a_message_at_their_limits(sns: Any, topic: str, inbox: Inbox) -> None:
    sns.publish(TopicArn=topic, Message="m", Subject="x" * 100)
    assert inbox.notifications()[0]["Subject"] == "x" * 100
    attributes = {"name": {"DataType": "String", "StringValue": "v" * 90}}
    sns.publish(TopicArn=topic, Message="x" * (262_144 - 100), MessageAttributes=attributes)
    assert len(inbox.notifications()[0]["Message"]) == 262_144 - 100
    refused = refusal(sns.publish, TopicArn=topic, Message="x" * (262_144 - 99), MessageAttributes=attributes)
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Message too long")
    binary = {"n": {"DataType": "Binary", "BinaryValue": b"x" * 3}}
    sns.publish(TopicArn=topic, Message="x" * (262_144 - 10), MessageAttributes=binary)


def test_a_topics_own_largest_message(sns: Any, topic: str, inbox: Inbox) -> None:
    def limit(size: int) -> None:
        sns.set_topic_attributes(TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue=str(size))

    limit(1024)
    assert refusal(sns.publish, TopicArn=topic, Message="x" * 1025)[2].endswith("Message too long")
    limit(1_048_576)
    sns.publish(TopicArn=topic, Message="x" * 600_000)
    assert len(inbox.notifications()[0]["Message"]) == 600_000
    refused = refusal(sns.subscribe, TopicArn=topic, Protocol="http", Endpoint="http://localhost:1/")
    assert refused[:2] == ("InvalidParameter", 400)
    limit(1024)
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://localhost:1/")
    refused = refusal(
        sns.set_topic_attributes,
        TopicArn=topic,
        AttributeName="MaximumMessageSize",
        AttributeValue="300000",
    )
    assert refused[:2] == ("InvalidParameter", 400)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("a b", {"DataType": "String", "StringValue": "x"}, "name 'a b' is invalid"),
        (".a", {"DataType": "String", "StringValue": "x"}, "name '.a' is invalid"),
        ("a", {"DataType": "Text", "StringValue": "x"}, "invalid message attribute type"),
        ("a", {"DataType": "String", "StringValue": ""}, "non-empty message attribute value"),
        ("a", {"DataType": "String"}, "non-empty message attribute value"),
        ("a", {"DataType": "Binary", "StringValue": "x"}, "non-empty message attribute value"),
        ("a", {"DataType": "Number", "StringValue": "five"}, "to number"),
    ],
)
def test_an_attribute_that_is_none(sns: Any, topic: str, name: str, value: dict[str, str], told: str) -> None:
    code, status, message = refusal(sns.publish, TopicArn=topic, Message="m", MessageAttributes={name: value})
    assert (code, status) == ("ParameterValueInvalid", 400)
    assert told in message


def test_what_may_be_a_target(sns: Any, topic: str) -> None:
    endpoint = f"arn:aws:sns:us-east-1:{ACCOUNT}:endpoint/APNS/app/0f7d5971-aa8b-4bd5-b585-0826e9f93a66"
    elements = "Reason: An ARN must have at least 6 elements, not"
    for target, told in (
        ({}, "TopicArn or TargetArn Reason: no value for required parameter"),
        ({"TopicArn": "randomstring"}, f"TopicArn {elements} 1"),
        ({"TopicArn": "a:b:c"}, f"TopicArn {elements} 3"),
        ({"TargetArn": "randomstring"}, f"TargetArn {elements} 1"),
        ({"TargetArn": endpoint}, "TargetArn Reason: No endpoint found for the target arn specified"),
    ):
        refused = refusal(sns.publish, Message="m", **target)
        assert refused == ("InvalidParameter", 400, f"Invalid parameter: {told}")
    assert sns.publish(TargetArn=topic, Message="a topic may be the target")["MessageId"]


def test_a_batch(sns: Any, topic: str, inbox: Inbox) -> None:
    entries: list[dict[str, Any]] = [{"Id": f"e{at}", "Message": f"m{at}"} for at in range(8)]
    attribute = {"a": {"DataType": "Number", "StringValue": "x"}}
    entries.append({"Id": "attribute", "Message": "m", "MessageAttributes": attribute})
    reply = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in reply["Successful"]] == [f"e{at}" for at in range(8)]
    failed = {one["Id"]: (one["Code"], one["SenderFault"]) for one in reply["Failed"]}
    assert failed == {"attribute": ("ParameterValueInvalid", True)}
    received = {one["MessageId"]: one["Message"] for one in inbox.notifications(8)}
    assert received == {one["MessageId"]: f"m{one['Id'][1:]}" for one in reply["Successful"]}
    entries[-1] = {"Id": "empty", "Message": ""}
    refused = refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Empty message")


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([("a", "m"), ("a", "m")], "BatchEntryIdsNotDistinct"),
        ([("a b", "m")], "InvalidBatchEntryId"),
        ([("x" * 81, "m")], "InvalidBatchEntryId"),
        ([(f"e{at}", "m") for at in range(11)], "TooManyEntriesInBatchRequest"),
        ([("a", "x" * 200_000), ("b", "x" * 62_145)], "BatchRequestTooLong"),
    ],
)
def test_a_batch_that_is_none(
    sns: Any, topic: str, inbox: Inbox, entries: list[tuple[str, str]], code: str
) -> None:
    given = [{"Id": one, "Message": message} for one, message in entries]
    refused = refusal(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=given)
    assert refused[:2] == (code, 400)
    assert inbox.is_empty()


def test_a_group_of_a_standard_topic_is_handed_on(sns: Any, topic: str, inbox: Inbox) -> None:
    sns.publish(TopicArn=topic, Message="m", MessageGroupId="tenant")
    (message,) = inbox.take()
    assert message["Attributes"]["MessageGroupId"] == "tenant"


def test_the_trace_of_a_publisher_is_handed_on(client: Client, sns: Any, topic: str, inbox: Inbox) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = trace

    sns.meta.events.register("before-send.sns.Publish", add)
    sns.publish(TopicArn=topic, Message="m")
    (message,) = inbox.take()
    assert message["Attributes"].get("AWSTraceHeader") == trace


def test_a_topic_that_is_made_again_has_nobody(client: Client, sns: Any, topic: str, inbox: Inbox) -> None:
    sns.delete_topic(TopicArn=topic)
    assert sns.create_topic(Name=topic.rsplit(":", 1)[1])["TopicArn"] == topic
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    sns.publish(TopicArn=topic, Message="nobody")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    sns.publish(TopicArn=topic, Message="somebody")
    assert [one["Message"] for one in inbox.notifications()] == ["somebody"]
    wait_for(inbox.is_empty)
