"""Names of condition keys have no case, tags have: a second tag that differs in case hides no value of the first.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-requesttag
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nodes import RunningNode
from users import User, code_of, statement

ORDERS = (("team", "TEAM"), ("TEAM", "team"))


@pytest.mark.parametrize(("hidden", "shown"), ORDERS)
def test_a_request_with_both_meets_no_condition_on_one(
    node: RunningNode, client: Callable[..., Any], hidden: str, shown: str
) -> None:
    queue = client("sqs").create_queue(QueueName=f"both-{hidden}-{shown}")["QueueUrl"]
    green = {"StringEquals": {"aws:RequestTag/team": "green"}}
    tags = {hidden: "blue", shown: "green"}
    allowed = User(
        node, f"allowed-by-last-{hidden == 'team'}", statement("sqs:TagQueue", "*", Condition=green)
    )
    assert code_of(allowed.client("sqs").tag_queue, QueueUrl=queue, Tags=tags) == "AccessDenied"
    assert not code_of(allowed.client("sqs").tag_queue, QueueUrl=queue, Tags={shown: "green"})
    assert not code_of(allowed.client("sqs").tag_queue, QueueUrl=queue, Tags={hidden: "green"})


@pytest.mark.parametrize(("first", "second"), ORDERS)
@pytest.mark.parametrize("value", ["blue", "green"])
def test_a_deny_for_either_value_of_a_resource_holds(
    node: RunningNode, client: Callable[..., Any], first: str, second: str, value: str
) -> None:
    name = f"denied-{value}-{first == 'team'}"
    tags = {first: "blue", second: "green"}
    queue = client("sqs").create_queue(QueueName=name, tags=tags)["QueueUrl"]
    user = User(
        node,
        name,
        ("sqs:GetQueueAttributes", "*"),
        {
            "Effect": "Deny",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": value}},
        },
    )
    assert code_of(user.client("sqs").get_queue_attributes, QueueUrl=queue) == "AccessDenied"


def test_an_encryption_context_with_both_meets_no_condition_on_one(
    node: RunningNode, client: Callable[..., Any]
) -> None:
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    green = {"StringEquals": {"kms:EncryptionContext:team": "green"}}
    kms = User(node, "encrypts-for-green", statement("kms:Encrypt", "*", Condition=green)).client("kms")
    assert not code_of(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"team": "green"})
    for context in ({"team": "blue", "Team": "green"}, {"Team": "blue", "team": "green"}):
        refused = code_of(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=context)
        assert refused == "AccessDeniedException"
