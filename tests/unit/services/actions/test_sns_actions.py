"""What the operations of Amazon SNS need beside their own action: iam:PassRole for each role that SNS shall use.

https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html
"""

from __future__ import annotations

from typing import Any

import pytest

from actions_rig import ACCOUNT, REGION, pairs

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
