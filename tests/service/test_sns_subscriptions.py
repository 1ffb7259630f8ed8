"""SNS by boto3: subscriptions, their attributes, and who may end them."""

from __future__ import annotations

import json
import urllib.error
from typing import Any

import pytest

from aws_refusals import code_and_status, refusal
from sns_rig import ACCOUNT, Client, HttpEndpoint, Inbox, unique, visit
from waiting import wait_for

FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
NOWHERE = "http://127.0.0.1:9/"
CONFLICT = "Subscription already exists with different attributes"


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


def attributes(sns: Any, arn: str) -> dict[str, str]:
    found: dict[str, str] = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    return found


def counts(sns: Any, topic: str) -> tuple[str, ...]:
    """Confirmed, pending, deleted."""
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    return tuple(found[f"Subscriptions{state}"] for state in ("Confirmed", "Pending", "Deleted"))


def test_a_subscription_from_its_beginning_to_its_end(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client)
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    assert attributes(sns, arn) == {
        "SubscriptionArn": arn,
        "TopicArn": topic,
        "Owner": ACCOUNT,
        "Protocol": "sqs",
        "Endpoint": inbox.arn,
        "RawMessageDelivery": "false",
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
    }
    listed = {
        "SubscriptionArn": arn,
        "Owner": ACCOUNT,
        "Protocol": "sqs",
        "Endpoint": inbox.arn,
        "TopicArn": topic,
    }
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [listed]
    everywhere = [
        one for page in sns.get_paginator("list_subscriptions").paginate() for one in page["Subscriptions"]
    ]
    assert listed in everywhere
    assert counts(sns, topic) == ("1", "0", "0")
    sns.unsubscribe(SubscriptionArn=arn)
    sns.unsubscribe(SubscriptionArn=arn)  # as on AWS, no error
    assert counts(sns, topic) == ("0", "0", "1")
    sns.publish(TopicArn=topic, Message="nobody")
    assert inbox.is_empty()
    gone = ("NotFound", 404, "Subscription does not exist")
    assert refusal(sns.get_subscription_attributes, SubscriptionArn=arn) == gone
    assert (
        refusal(
            sns.set_subscription_attributes,
            SubscriptionArn=arn,
            AttributeName="RawMessageDelivery",
            AttributeValue="true",
        )
        == gone
    )


def test_who_subscribes_twice_has_one_subscription(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client)
    same = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": inbox.arn}
    raw = {"RawMessageDelivery": "true"}
    first = sns.subscribe(**same, Attributes=raw)["SubscriptionArn"]
    assert sns.subscribe(**same)["SubscriptionArn"] == first
    assert sns.subscribe(**same, Attributes=raw)["SubscriptionArn"] == first
    code, status, message = refusal(sns.subscribe, **same, Attributes={"RawMessageDelivery": "false"})
    assert (code, status, CONFLICT in message) == ("InvalidParameter", 400, True)


def test_subscriptions_are_listed_by_page(sns: Any, topic: str) -> None:
    for at in range(101):
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"{FUNCTION}{at}")
    first = sns.list_subscriptions_by_topic(TopicArn=topic)
    second = sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=first["NextToken"])
    assert (len(first["Subscriptions"]), len(second["Subscriptions"])) == (100, 1)
    assert "NextToken" not in second
    for call, params in (
        (sns.list_subscriptions_by_topic, {"TopicArn": topic}),
        (sns.list_subscriptions, {}),
    ):
        assert code_and_status(call, **params, NextToken="made-up") == ("InvalidParameter", 400)


@pytest.mark.parametrize(
    ("protocol", "endpoint", "told"),
    [
        ("pigeon", "x", "Amazon SNS does not support this protocol string: pigeon"),
        ("sqs", "https://queue", "SQS endpoint ARN"),
        ("sqs", FUNCTION, "SQS endpoint ARN"),
        ("lambda", "f", "Lambda endpoint ARN"),
        ("lambda", f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:f", "Lambda endpoint ARN"),
        ("http", "https://example.com", "Endpoint must match the specified protocol"),
        ("https", "http://example.com", "Endpoint must match the specified protocol"),
        ("http", "http://", "Endpoint"),
        ("sms", "NAN", "Invalid parameter: Invalid SMS endpoint: NAN"),
        ("application", "a", "Application endpoint arn invalid:a"),
        ("http", "http://a b/", "Endpoint"),
        ("http", "http://a/\r\nX: y", "Endpoint"),
        ("http", "http://a:port/", "Endpoint"),
    ],
)
def test_an_endpoint_that_is_none(sns: Any, topic: str, protocol: str, endpoint: str, told: str) -> None:
    code, status, message = refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert (code, status) == ("InvalidParameter", 400)
    assert told in message


def test_firehose_is_refused_by_name_where_it_is_not_forwarded(sns: Any, topic: str) -> None:
    stream = f"arn:aws:firehose:us-east-1:{ACCOUNT}:deliverystream/s"
    code, status, message = refusal(sns.subscribe, TopicArn=topic, Protocol="firehose", Endpoint=stream)
    assert (code, status) == ("NotImplementedException", 501)
    assert "protocol firehose" in message


@pytest.mark.parametrize("protocol", ["email", "email-json"])
def test_a_subscription_by_mail_stays_pending_until_it_is_confirmed(
    sns: Any, topic: str, protocol: str
) -> None:
    code, _, message = refusal(sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint="nobody")
    assert (code, "Email address" in message) == ("InvalidParameter", True)
    sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint="a@b.example")
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Endpoint"]) == ("PendingConfirmation", "a@b.example")
    assert counts(sns, topic) == ("0", "1", "0")
    again = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint="a@b.example")
    assert again["SubscriptionArn"] == "pending confirmation"


@pytest.mark.parametrize(
    ("protocol", "endpoint", "given", "told"),
    [
        ("lambda", FUNCTION, {"RawMessageDelivery": "true"}, "does not support raw message delivery"),
        ("http", NOWHERE, {"RawMessageDelivery": "perhaps"}, "RawMessageDelivery: Invalid value"),
        ("http", NOWHERE, {"NoSuch": "x"}, "AttributeName"),
        ("http", NOWHERE, {"RedrivePolicy": "x"}, "RedrivePolicy: failed to parse JSON"),
        ("http", NOWHERE, {"RedrivePolicy": "{}"}, "deadLetterTargetArn is an invalid arn"),
        ("http", NOWHERE, {"RedrivePolicy": '{"deadLetterTargetArn": "x"}'}, "is an invalid arn"),
        (
            "http",
            NOWHERE,
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:000000000000:q"}'},
            "same account and region",
        ),
        (
            "http",
            NOWHERE,
            {"RedrivePolicy": '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"}'},
            "standard queue",
        ),
        ("http", NOWHERE, {"DeliveryPolicy": "5"}, "DeliveryPolicy: failed to parse JSON"),
        ("http", NOWHERE, {"DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": -1}}'}, "numRetries"),
        ("http", NOWHERE, {"DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": 100, '
         '"minDelayTarget": 3600, "maxDelayTarget": 3600}}'}, "3600 seconds"),
        ("http", NOWHERE, {"DeliveryPolicy": '{"healthyRetryPolicy": {"numNoDelayRetries": 4}}'}, "phases"),
        ("lambda", FUNCTION, {"DeliveryPolicy": "{}"}, "does not support delivery policy"),
    ],
)  # fmt: skip
def test_an_attribute_that_is_none(
    sns: Any, topic: str, protocol: str, endpoint: str, given: dict[str, str], told: str
) -> None:
    code, status, message = refusal(
        sns.subscribe, TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=given
    )
    assert (code, status) == ("InvalidParameter", 400)
    assert message.startswith("Invalid parameter: Attributes Reason: ") or told == "AttributeName"
    assert told in message
    arn = sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, ReturnSubscriptionArn=True)[
        "SubscriptionArn"
    ]
    ((name, value),) = given.items()
    code, status, message = refusal(
        sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName=name, AttributeValue=value
    )
    assert (code, status) == ("InvalidParameter", 400)
    assert told in message
    assert "Attributes Reason" not in message


def test_only_firehose_has_a_role(sns: Any, topic: str) -> None:
    wanted = {"TopicArn": topic, "Protocol": "lambda", "Endpoint": FUNCTION}
    code, status, message = refusal(sns.subscribe, **wanted, Attributes={"SubscriptionRoleArn": "r"})
    assert (code, status, "does not support" in message) == ("InvalidParameter", 400, True)


def test_a_subscription_that_nobody_confirmed(sns: Any, topic: str) -> None:
    with HttpEndpoint() as endpoint:
        reply = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
        assert reply["SubscriptionArn"] == "pending confirmation"
        arn = sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint=endpoint.url, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        assert arn.startswith(f"{topic}:")
        (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        assert listed["SubscriptionArn"] == "PendingConfirmation"
        assert attributes(sns, arn)["PendingConfirmation"] == "true"
        assert counts(sns, topic) == ("0", "1", "0")
        pending = "Cannot unsubscribe a subscription that is pending confirmation"
        assert refusal(sns.unsubscribe, SubscriptionArn=arn) == (
            "InvalidParameter", 400, f"Invalid parameter: SubscriptionArn Reason: {pending}",
        )  # fmt: skip
        refused = refusal(sns.unsubscribe, SubscriptionArn="PendingConfirmation")
        assert (refused[0], "at least 6 elements" in refused[2]) == ("InvalidParameter", True)
        sns.publish(TopicArn=topic, Message="too early")
        asked = endpoint.wait("SubscriptionConfirmation", 2)
        assert len({post.json()["Token"] for post in asked}) == 1
        refused = refusal(sns.confirm_subscription, TopicArn=topic, Token="wrong")
        assert refused == ("InvalidParameter", 400, "Invalid parameter: Token")
        token = asked[0].json()["Token"]
        for _ in range(2):  # who says yes twice is answered the same
            assert sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
        assert attributes(sns, arn)["PendingConfirmation"] == "false"
        assert attributes(sns, arn)["ConfirmationWasAuthenticated"] == "true"
        assert counts(sns, topic) == ("1", "0", "0")
        sns.publish(TopicArn=topic, Message="in time")
        assert [post.json()["Message"] for post in endpoint.wait("Notification")] == ["in time"]


def refused_visit(url: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        visit(url)
    return caught.value.code, caught.value.read().decode()


def test_a_queues_subscription_is_not_ended_by_a_link(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)
    sns.publish(TopicArn=topic, Message="m")
    status, text = refused_visit(inbox.notifications()[0]["UnsubscribeURL"])
    assert (status, "AuthorizationError" in text) == (403, True)
    assert counts(sns, topic) == ("1", "0", "0")


def test_a_link_ends_a_subscription_unless_it_was_confirmed_otherwise(sns: Any, topic: str) -> None:
    with HttpEndpoint() as endpoint:
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
        token = endpoint.wait("SubscriptionConfirmation")[0].json()["Token"]
        arn = sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")[
            "SubscriptionArn"
        ]
        sns.publish(TopicArn=topic, Message="m")
        status, text = refused_visit(endpoint.wait("Notification")[0].json()["UnsubscribeURL"])
        assert (status, "AuthorizationError" in text) == (403, True)
        sns.unsubscribe(SubscriptionArn=arn)
        assert counts(sns, topic) == ("0", "0", "1")


def test_a_topics_end_is_its_subscriptions_end(client: Client, sns: Any, topic: str) -> None:
    inbox = Inbox.make(client)
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn)["SubscriptionArn"]
    sns.delete_topic(TopicArn=topic)
    assert code_and_status(sns.get_subscription_attributes, SubscriptionArn=arn) == ("NotFound", 404)
    everywhere = [
        one for page in sns.get_paginator("list_subscriptions").paginate() for one in page["Subscriptions"]
    ]
    assert arn not in {one["SubscriptionArn"] for one in everywhere}


def test_a_stack_leaves_what_nobody_confirmed(client: Client, sns: Any) -> None:
    stacks, name = client("cloudformation"), unique("stack")
    topic = {"Type": "AWS::SNS::Topic"}
    subscription = {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"TopicArn": {"Ref": "T"}, "Protocol": "http", "Endpoint": NOWHERE},
    }
    template = json.dumps({"Resources": {"T": topic, "S": subscription}})
    stacks.create_stack(StackName=name, TemplateBody=template)

    def status() -> str:
        return str(stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])

    stack_id = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    wait_for(lambda: status() == "CREATE_COMPLETE")
    stacks.delete_stack(StackName=name)
    wait_for(lambda: status() == "DELETE_COMPLETE")


def test_a_queue_of_another_account_is_asked(client: Client) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html"""
    other, name = "111111111111", unique("far")
    sns, queues = client("sns"), client("sqs", account=other)
    everybody = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    policy = json.dumps({"Statement": [{**everybody, "Resource": "*"}]})
    url = queues.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    topic = sns.create_topic(Name=name)["TopicArn"]
    endpoint = f"arn:aws:sqs:us-east-1:{other}:{name}"
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    assert made["SubscriptionArn"] == "pending confirmation"
    sns.publish(TopicArn=topic, Message="unasked")
    (asked,) = queues.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    question = json.loads(asked["Body"])
    assert (question["Type"], question["TopicArn"]) == ("SubscriptionConfirmation", topic)
    queues.delete_message(QueueUrl=url, ReceiptHandle=asked["ReceiptHandle"])
    client("sns", account=other).confirm_subscription(TopicArn=topic, Token=question["Token"])
    sns.publish(TopicArn=topic, Message="asked")
    (got,) = queues.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert json.loads(got["Body"])["Message"] == "asked"
