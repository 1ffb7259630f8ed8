"""What the operations of Amazon SNS need beside their own action: iam:PassRole for each role that SNS shall use,
and the resources of what names no topic.

https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
"""

from __future__ import annotations

from typing import Any

import pytest

from actions_rig import ACCOUNT, OTHER, REGION, pairs

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateTopic", {"Name": "t", "Attributes": {"SQSSuccessFeedbackRoleArn": ROLE, "DisplayName": "d"}}),
        (
            "SetTopicAttributes",
            {"TopicArn": TOPIC, "AttributeName": "HTTPFailureFeedbackRoleArn", "AttributeValue": ROLE},
        ),
        (
            "Subscribe",
            {"TopicArn": TOPIC, "Protocol": "firehose", "Attributes": {"SubscriptionRoleArn": ROLE}},
        ),
        (
            "SetSubscriptionAttributes",
            {"SubscriptionArn": f"{TOPIC}:s", "AttributeName": "SubscriptionRoleArn", "AttributeValue": ROLE},
        ),
        ("SetSMSAttributes", {"attributes": {"DeliveryStatusIAMRole": ROLE}}),
    ],
)
def test_a_role_for_sns_is_passed(operation: str, params: dict[str, Any]) -> None:
    assert ("iam:PassRole", ROLE) in pairs("sns", operation, **params)


def test_an_empty_role_is_none() -> None:
    params = {"TopicArn": TOPIC, "AttributeName": "SQSSuccessFeedbackRoleArn", "AttributeValue": ""}
    assert pairs("sns", "SetTopicAttributes", **params) == [("SetTopicAttributes", "t")]


def test_a_subscription_is_its_topics() -> None:
    assert pairs("sns", "Unsubscribe", SubscriptionArn=f"{TOPIC}:1234") == [("Unsubscribe", "t")]
    of_another_account = f"arn:aws:sns:{REGION}:{OTHER}:orders:1234"
    assert pairs("sns", "GetSubscriptionAttributes", SubscriptionArn=of_another_account) == [
        ("GetSubscriptionAttributes", "*")
    ]


def test_what_concerns_no_topic_is_all_of_the_accounts() -> None:
    assert pairs("sns", "ListTopics") == [("ListTopics", "*")]
    assert pairs("sns", "CreatePlatformApplication", Platform="GCM", Name="mine", Attributes={}) == [
        ("CreatePlatformApplication", "app/GCM/mine")
    ]
