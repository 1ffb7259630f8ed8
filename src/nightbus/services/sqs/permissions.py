"""Answers AddPermission and RemovePermission, which add and remove statements of a queue's policy."""

from __future__ import annotations

import json
import re
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.messaging.queue import queue_arn
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_parameter, invalid_value, missing_parameter
from nightbus.services.sqs.queue_addresses import queue_record
from nightbus.services.sqs.records import change_record
from nightbus.store.interface import Record

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_MOST_ACTIONS = 7
_ACTIONS = frozenset(
    {
        "*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility",
        "GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",
    }
)  # fmt: skip


async def add_permission(
    ctx: Context, *, queue_url: str, label: str, aws_account_ids: list[str], actions: list[str]
) -> None:
    _check(label, aws_account_ids, actions)
    scope, _ = await queue_record(ctx, queue_url, "sqs:addpermission")

    def changed(record: Record) -> dict[str, Any]:
        policy = _policy(record, queue_arn(scope, record.key))
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise invalid_value(label, "Label", "Already exists.")
        policy["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": _one_or_all([arn("iam", "", one, "root") for one in aws_account_ids])},
                "Action": _one_or_all([f"SQS:{action}" for action in actions]),
                "Resource": queue_arn(scope, record.key),
            }
        )
        return _with_policy(record, policy)

    await change_record(ctx, queue_url, "sqs:addpermission", changed)


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


def _check(label: str, accounts: list[str], actions: list[str]) -> None:
    if not _LABEL.fullmatch(label):
        raise invalid_value(
            label, "Label", "Must be 1 to 80 alphanumeric characters, hyphens or underscores."
        )
    for name, values in (("AWSAccountIds", accounts), ("Actions", actions)):
        if not values:
            raise missing_parameter(name)
    if len(actions) > _MOST_ACTIONS:
        text = f"{len(actions)} Actions were found, maximum allowed is {_MOST_ACTIONS}."
        raise AwsError("OverLimit", text, 403)
    for account in accounts:
        if not _ACCOUNT.fullmatch(account):
            raise invalid_value(f"[{account}]", "PrincipalId", "Unable to verify.")
    for action in actions:
        if action not in _ACTIONS:
            reason = f"SQS:{action} is not a valid action for this operation."
            raise invalid_value(f"SQS:{action}", "ActionName", reason)


async def remove_permission(ctx: Context, *, queue_url: str, label: str) -> None:
    def changed(record: Record) -> dict[str, Any]:
        policy = _policy(record, "")
        remaining = [statement for statement in policy["Statement"] if statement.get("Sid") != label]
        if len(remaining) == len(policy["Statement"]):
            raise invalid_parameter(
                f"Value {label} for parameter Label is invalid. Reason: can't find label."
            )
        return _with_policy(record, {**policy, "Statement": remaining})

    await change_record(ctx, queue_url, "sqs:removepermission", changed)


def _policy(record: Record, arn: str) -> dict[str, Any]:
    text = record.value["attributes"].get("Policy")
    if not text:
        return {"Version": "2008-10-17", "Id": f"{arn}/SQSDefaultPolicy", "Statement": []}
    policy: dict[str, Any] = json.loads(text)
    if isinstance(policy["Statement"], dict):
        policy["Statement"] = [policy["Statement"]]
    return policy


def _with_policy(record: Record, policy: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in record.value["attributes"].items() if name != "Policy"}
    if policy["Statement"]:
        attributes["Policy"] = json.dumps(policy, separators=(",", ":"))
    return {**record.value, "attributes": attributes}
