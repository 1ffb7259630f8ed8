"""SNS by boto3: a topic's data protection policy denies, masks and redacts what is published."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aws_refusals import refusal
from sns_rig import Client, Inbox, unique

MANAGED = "arn:aws:dataprotection::aws:data-identifier/"
CARD = "4111 1111 1111 1111"


def policy(direction: str, identifier: str, operation: dict[str, Any], principal: str = "*") -> str:
    statement = {
        "Sid": "s",
        "DataDirection": direction,
        "Principal": [principal],
        "DataIdentifier": [MANAGED + identifier],
        "Operation": operation,
    }
    return json.dumps({"Name": "p", "Version": "2021-06-01", "Statement": [statement]})


@pytest.fixture
def sns(client: Client) -> Any:
    return client("sns")


def test_what_a_topic_denies_and_masks(client: Client, sns: Any) -> None:
    deny = policy("Inbound", "CreditCardNumber", {"Deny": {}})
    topic = sns.create_topic(Name=unique("t"), DataProtectionPolicy=deny)["TopicArn"]
    assert sns.get_data_protection_policy(ResourceArn=topic)["DataProtectionPolicy"] == deny
    inbox = Inbox.make(client)
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=raw)
    assert refusal(sns.publish, TopicArn=topic, Message=f"card {CARD}")[:2] == ("AuthorizationError", 403)
    sns.publish(TopicArn=topic, Message="no card: 4111 1111 1111 1112")
    assert inbox.take()[0]["Body"] == "no card: 4111 1111 1111 1112"
    for operation, shown in (
        ({"Deidentify": {"MaskConfig": {"MaskWithCharacter": "*"}}}, f"to {'*' * len('a@b.example')}!"),
        ({"Deidentify": {"RedactConfig": {}}}, "to !"),
    ):
        mask = policy("Outbound", "EmailAddress", operation)
        sns.put_data_protection_policy(ResourceArn=topic, DataProtectionPolicy=mask)
        sns.publish(TopicArn=topic, Message="to a@b.example!")
        assert inbox.take()[0]["Body"] == shown
    denied = policy("Outbound", "EmailAddress", {"Deny": {}})
    sns.put_data_protection_policy(ResourceArn=topic, DataProtectionPolicy=denied)
    sns.publish(TopicArn=topic, Message="to a@b.example")
    sns.publish(TopicArn=topic, Message="to nobody")
    assert inbox.take()[0]["Body"] == "to nobody"
    sns.put_data_protection_policy(ResourceArn=topic, DataProtectionPolicy="")
    sns.publish(TopicArn=topic, Message=CARD)
    assert inbox.take()[0]["Body"] == CARD


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x", "InvalidParameter"),
        ("{}", "InvalidParameter"),
        (policy("Sideways", "EmailAddress", {"Deny": {}}), "InvalidParameter"),
        (policy("Inbound", "EmailAddress", {}), "InvalidParameter"),
        (policy("Inbound", "EmailAddress", {"Deidentify": {}}), "InvalidParameter"),
        (policy("Inbound", "Name", {"Deny": {}}), "NotImplementedException"),
        (policy("Inbound", "EmailAddress", {"Audit": {"SampleRate": "99"}}), "NotImplementedException"),
    ],
)
def test_a_policy_that_is_none_or_not_done(sns: Any, text: str, code: str) -> None:
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    assert refusal(sns.put_data_protection_policy, ResourceArn=topic, DataProtectionPolicy=text)[0] == code
