"""Answers AddPermission and RemovePermission, which add and remove statements of a topic's policy."""

from __future__ import annotations

import json
import re
from typing import Any

from nightbus.aws.arn import arn
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.records import change_topic, topic_record
from nightbus.services.sns.topics.topics import default_policy
from nightbus.store.interface import Record

_ACCOUNT = re.compile(r"\d{12}")
_ACTIONS = frozenset(
    {
        "*", "Publish", "RemovePermission", "SetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic",
        "GetTopicAttributes", "Receive", "AddPermission", "Subscribe",
    }
)  # fmt: skip


async def add_permission(
    ctx: Context,
    *,
    topic_arn: str,
    label: str,
    aws_account_id: list[str],
    action_name: list[str],
) -> None:
    for action in action_name:
        if action not in _ACTIONS:
            raise bad_parameter("Policy statement action out of service scope!")
    if not all(map(_ACCOUNT.fullmatch, aws_account_id)):
        raise bad_parameter("Policy Error: PrincipalNotFound")
    scope, _ = await topic_record(ctx, topic_arn, "SNS:AddPermission")

    def changed(record: Record) -> dict[str, Any]:
        policy = _policy(record, topic_arn, scope.account)
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise bad_parameter("Statement already exists")
        policy["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": _one_or_all([arn("iam", "", one, "root") for one in aws_account_id])},
                "Action": _one_or_all([f"SNS:{action}" for action in action_name]),
                "Resource": topic_arn,
            }
        )
        return _with_policy(record, policy)

    await change_topic(ctx, topic_arn, changed)


def _one_or_all(values: list[str]) -> str | list[str]:
    """A policy has a single value as a text, as AWS writes it."""
    return values[0] if len(values) == 1 else values


async def remove_permission(ctx: Context, *, topic_arn: str, label: str) -> None:
    """Remove the label's statement. Succeeds without such a statement too, as on AWS."""
    scope, _ = await topic_record(ctx, topic_arn, "SNS:RemovePermission")

    def changed(record: Record) -> dict[str, Any]:
        policy = _policy(record, topic_arn, scope.account)
        remaining = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
        return _with_policy(record, {**policy, "Statement": remaining})

    await change_topic(ctx, topic_arn, changed)


def _policy(record: Record, topic: str, account: str) -> dict[str, Any]:
    text = record.value["attributes"].get("Policy") or default_policy(topic, account)
    policy: dict[str, Any] = json.loads(text)
    if isinstance(policy.get("Statement"), dict):
        policy["Statement"] = [policy["Statement"]]
    policy.setdefault("Statement", [])
    return policy


def _with_policy(record: Record, policy: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(policy, separators=(",", ":"))
    return {**record.value, "attributes": {**record.value["attributes"], "Policy": text}}
