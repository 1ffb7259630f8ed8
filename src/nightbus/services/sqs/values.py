"""Validates the attributes of a queue: each attribute by its own rule, and pairs of attributes.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.messaging.queue import FIFO_SUFFIX, queue_address
from nightbus.policies.grammar import is_resource_policy
from nightbus.services.sqs.errors import (
    invalid_attribute,
    invalid_parameter,
    invalid_value,
    unknown_attribute,
)

_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_ONLY_FIFO = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_REMOVED_WHEN_EMPTY = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"})
_MOST_RECEIVES = 1000
_MOST_SOURCES = 10
_ONE_ENCRYPTION = (
    "You can use one type of server-side encryption (SSE) at one time."
    " You can either enable KMS SSE or SQS SSE."
)
_PERMISSIONS = ("allowAll", "denyAll", "byQueue")


def changed_attributes(name: str, old: Mapping[str, str], requested: Mapping[str, str]) -> dict[str, str]:
    """Return the queue's `old` attributes changed by the `requested` ones. Raises AwsError with SQS's texts."""
    fifo = name.endswith(FIFO_SUFFIX)
    values = dict(old)
    for attribute, value in requested.items():
        if value == "" and attribute in _REMOVED_WHEN_EMPTY:
            values.pop(attribute, None)
        else:
            values[attribute] = _checked(attribute, value, fifo)
    if requested.get("SqsManagedSseEnabled") == "true" and values.get("KmsMasterKeyId"):
        raise AwsError("InvalidAttributeName", _ONE_ENCRYPTION)
    if (
        values.get("FifoThroughputLimit") == "perMessageGroupId"
        and values.get("DeduplicationScope") != "messageGroup"
    ):
        raise invalid_attribute("FifoThroughputLimit")
    return values


def _checked(name: str, value: str, fifo: bool) -> str:
    if name in _RANGES:
        least, most = _RANGES[name]
        number = whole_number(value)
        if number is None or not least <= number <= most:
            raise invalid_attribute(name)
        return str(number)
    if name in _ONLY_FIFO:
        if not fifo:
            raise unknown_attribute(name)
        if value not in _ONLY_FIFO[name]:
            raise invalid_attribute(name)
        return value
    if name == "FifoQueue":
        if not fifo:
            raise unknown_attribute(name)
        if value != "true":
            raise invalid_attribute(name, "Modifying queue type is not supported.")
        return value
    if name == "SqsManagedSseEnabled":
        if value not in ("true", "false"):
            raise invalid_attribute(name)
        return value
    if name == "KmsMasterKeyId":
        return value
    if name == "Policy":
        _check_policy(value)
        return value
    if name == "RedrivePolicy":
        return json.dumps(_redrive(value), separators=(",", ":"))
    if name == "RedriveAllowPolicy":
        _check_redrive_allow(value)
        return value
    raise unknown_attribute(name)


def _check_policy(text: str) -> None:
    if not is_resource_policy(_object(text)):
        raise invalid_attribute("Policy")


def _redrive(text: str) -> dict[str, Any]:
    value = _object(text)
    if value is None:
        raise invalid_value(text, "RedrivePolicy", "Redrive policy is not a valid JSON map.")
    for name in ("maxReceiveCount", "deadLetterTargetArn"):
        if name not in value:
            reason = f"Redrive policy does not contain mandatory attribute: {name}."
            raise invalid_value(text, "RedrivePolicy", reason)
    further = sorted(set(value) - {"maxReceiveCount", "deadLetterTargetArn"})
    if further:
        reason = "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount]."
        raise invalid_value(text, "RedrivePolicy", reason)
    try:
        count = int(value["maxReceiveCount"])
    except (TypeError, ValueError, OverflowError):
        count = 0
    if not 1 <= count <= _MOST_RECEIVES:
        reason = (
            f"Invalid value for maxReceiveCount: {value['maxReceiveCount']}, valid values are from 1 to 1000 both"
            " inclusive."
        )
        raise invalid_value(text, "RedrivePolicy", reason)
    dead = value["deadLetterTargetArn"]
    if not isinstance(dead, str) or queue_address(dead) is None:
        raise invalid_value(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
    return {"deadLetterTargetArn": dead, "maxReceiveCount": count}


def _check_redrive_allow(text: str) -> None:
    value = _object(text)
    if value is None or value.get("redrivePermission") not in _PERMISSIONS:
        raise invalid_attribute("RedriveAllowPolicy")
    sources = value.get("sourceQueueArns")
    by_queue = value["redrivePermission"] == "byQueue"
    if by_queue != bool(sources) or (sources is not None and not isinstance(sources, list)):
        raise invalid_attribute("RedriveAllowPolicy")
    if sources and len(sources) > _MOST_SOURCES:
        raise invalid_parameter(
            "Only up to 10 source queue ARNs can be specified in the redrive allow policy."
        )


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = read_document(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def may_redrive(allow: str | None, source_arn: str) -> bool:
    """Return whether a RedriveAllowPolicy lets its queue be the dead-letter queue of the queue `source_arn`."""
    if not allow:
        return True
    policy = json.loads(allow)
    if policy["redrivePermission"] == "byQueue":
        return source_arn in policy["sourceQueueArns"]
    return bool(policy["redrivePermission"] == "allowAll")
