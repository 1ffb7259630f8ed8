"""SNS by boto3 on a node that knows an SMTP server: subscribers by e-mail confirm and read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from aws_refusals import refusal
from nodes import RunningNode
from sns_rig import Inbox, MailServer, text_of, unique, verify, visit


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def mailing(server: MailServer) -> Iterator[RunningNode]:
    setting = f"smtp://me:s3cr%21t@127.0.0.1:{server.port}?from=bus@nightbus.example"
    running = RunningNode(environ={"NIGHTBUS_SMTP": setting})
    yield running
    assert running.stop() == 0
    assert not any("s3cr" in line for line in running.output)


@pytest.fixture
def sns(mailing: RunningNode) -> Any:
    return mailing.client("sns")


@pytest.fixture
def topic(sns: Any) -> str:
    return str(sns.create_topic(Name=unique("topic"))["TopicArn"])


def link(text: str, action: str) -> str:
    found = re.search(rf"http://\S+Action={action}\S+", text)
    assert found is not None
    return found.group()


def subscribe(sns: Any, topic: str, protocol: str, **attributes: str) -> tuple[str, str]:
    """Address and ARN."""
    address = f"{unique('reader')}@example.com"
    arn = sns.subscribe(
        TopicArn=topic,
        Protocol=protocol,
        Endpoint=address,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return address, arn


def test_a_reader_confirms_reads_and_leaves(server: MailServer, sns: Any, topic: str) -> None:
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Örders")
    address, arn = subscribe(sns, topic, "email")
    (asked,) = server.wait(address)
    assert asked["Subject"] == "AWS Notification - Subscription Confirmation"
    assert asked["From"] == "Nightbus Notifications <bus@nightbus.example>"
    assert topic in text_of(asked)
    assert "\0me\0s3cr!t" in server.logins
    sns.publish(TopicArn=topic, Message="too early")
    visit(link(text_of(asked), "ConfirmSubscription"))
    sns.publish(TopicArn=topic, Message=".first\n.\nünï", Subject="Ünï order")
    read = server.wait(address, 2)[1]
    assert (read["Subject"], read["From"]) == ("Ünï order", "Örders <bus@nightbus.example>")
    assert text_of(read).startswith(".first\n.\nünï\n\n--\n")
    sns.publish(TopicArn=topic, Message="second")
    assert server.wait(address, 3)[2]["Subject"] == "AWS Notification Message"
    visit(link(text_of(read), "Unsubscribe"))
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    told = server.wait(address, 4)[3]
    assert told["Subject"] == "AWS Notification - Unsubscribe Confirmation"
    visit(link(text_of(told), "ConfirmSubscription"))
    (listed,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == arn


def test_a_reader_of_json(server: MailServer, sns: Any, topic: str) -> None:
    address, _ = subscribe(sns, topic, "email-json")
    question = json.loads(text_of(server.wait(address)[0]))
    assert question["Type"] == "SubscriptionConfirmation"
    verify(question)
    visit(question["SubscribeURL"])
    structured = json.dumps({"default": "d", "email": "text", "email-json": "json"})
    sns.publish(TopicArn=topic, Message=structured, MessageStructure="json")
    shown = json.loads(text_of(server.wait(address, 2)[1]))
    assert (shown["Type"], shown["Message"]) == ("Notification", "json")
    verify(shown)


def test_an_address_that_the_server_refuses_is_buried(
    mailing: RunningNode, server: MailServer, sns: Any, topic: str
) -> None:
    dead = Inbox.make(mailing.client)
    address, _ = subscribe(sns, topic, "email", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    visit(link(text_of(server.wait(address)[0]), "ConfirmSubscription"))
    server.answers.append("550 no such reader")
    sns.publish(TopicArn=topic, Message="undeliverable")
    assert dead.notifications()[0]["Message"] == "undeliverable"
    assert any("SMTP 550 no such reader" in line for line in mailing.output)


@pytest.mark.parametrize(
    "address", ["nobody", "a@b@c", "a b@c.example", "a@c.example\nBcc: x@y", "a,b@c.example"]
)
def test_what_is_no_address(sns: Any, topic: str, address: str) -> None:
    refused = refusal(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint=address)
    assert refused == ("InvalidParameter", 400, "Invalid parameter: Email address")
