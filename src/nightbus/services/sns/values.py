"""Are these attributes that a topic or a subscription may have?

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html, API_SetSubscriptionAttributes.html
"""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.messaging.queue import queue_place
from nightbus.services.sns.errors import invalid

_FEEDBACK = ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
_LONGEST_NAME = 100
_SIZES = range(1024, 1_048_577)
_MOST_KEYS = 5
_MOST_COMBINATIONS = 150
_RETRY_KEYS = frozenset(
    {
        "numRetries", "numNoDelayRetries", "minDelayTarget", "maxDelayTarget", "numMinDelayRetries",
        "numMaxDelayRetries", "backoffFunction",
    }
)  # fmt: skip


def check_topic_attribute(name: str, value: str, fifo: bool) -> None:
    """Raises AwsError InvalidParameter."""
    if name == "DisplayName":
        if len(value) > _LONGEST_NAME:
            raise invalid("DisplayName")
    elif name == "Policy":
        _object(name, value)
    elif name == "DeliveryPolicy":
        if value:
            http = _object(name, value).get("http") or {}
            _check_retries(name, http.get("defaultHealthyRetryPolicy") or {})
    elif name in ("ContentBasedDeduplication", "FifoTopic"):
        if not fifo or value not in ("true", "false"):
            raise invalid(name)
    elif name == "FifoThroughputScope":
        if not fifo or value not in ("Topic", "MessageGroup"):
            raise invalid(name)
    elif name == "MaximumMessageSize":
        if not value.isdecimal() or int(value) not in _SIZES:
            raise invalid(name)
    elif name == "SignatureVersion":
        if value not in ("1", "2"):
            raise invalid(name)
    elif name == "TracingConfig":
        if value not in ("PassThrough", "Active"):
            raise invalid(name)
    elif name == "KmsMasterKeyId" or name.endswith(_FEEDBACK):
        return
    elif name == "ArchivePolicy":
        raise not_supported("sns", "SetTopicAttributes", name)
    else:
        raise invalid("AttributeName")


def check_subscription_attribute(name: str, value: str, protocol: str, by_body: bool) -> None:
    """Raises AwsError InvalidParameter, FilterPolicyLimitExceeded."""
    if name == "RawMessageDelivery":
        if value not in ("true", "false"):
            raise invalid(f"RawMessageDelivery: {value}")
        if value == "true" and protocol not in ("sqs", "http", "https"):
            raise invalid(
                f"Attributes Reason: RawMessageDelivery: Delivery protocol [{protocol}] does not support raw"
                " message delivery."
            )
    elif name == "FilterPolicy":
        check_filter_policy(value, by_body)
    elif name == "FilterPolicyScope":
        if value not in ("MessageAttributes", "MessageBody"):
            raise invalid("FilterPolicyScope: Invalid value")
    elif name == "RedrivePolicy":
        if value:
            target = _object(name, value).get("deadLetterTargetArn")
            if not isinstance(target, str) or queue_place(target) is None:
                raise invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    elif name == "DeliveryPolicy":
        if value:
            _check_retries(name, _object(name, value).get("healthyRetryPolicy") or {})
    elif name in ("SubscriptionRoleArn", "ReplayPolicy", "ReplayStatus"):
        raise not_supported("sns", "SetSubscriptionAttributes", name)
    else:
        raise invalid("AttributeName")


def check_filter_policy(text: str, by_body: bool) -> None:
    """One pattern engine reads event patterns and filter policies; `{}` lets everything through."""
    if not text:
        return
    policy = _object("FilterPolicy", text)
    if not policy:
        return
    if not by_body and len(policy) > _MOST_KEYS:
        raise AwsError(
            "FilterPolicyLimitExceeded",
            f"Invalid parameter: FilterPolicy: Filter policy can not have more than {_MOST_KEYS} keys",
            403,
        )
    if not by_body and any(isinstance(value, dict) for value in policy.values()):
        raise invalid(
            "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy"
        )
    try:
        pattern = parse_pattern(text)
    except InvalidPattern as broken:
        raise invalid(f"FilterPolicy: {broken.reason}") from broken
    combinations = max(_combinations(branch) for branch in pattern.branches)
    if combinations > _MOST_COMBINATIONS:
        raise invalid("FilterPolicy: Filter policy is too complex")


def _combinations(branch: Any) -> int:
    total = 1
    for field in branch:
        total *= len(field.matchers)
    return total


def _check_retries(name: str, policy: dict[str, Any]) -> None:
    unknown = sorted(set(policy) - _RETRY_KEYS)
    if unknown:
        raise invalid(f"{name}: unexpected JSON member: {unknown[0]}")
    for key, value in policy.items():
        if key == "backoffFunction":
            if value not in ("linear", "arithmetic", "geometric", "exponential"):
                raise invalid(f"{name}: {key} must be one of linear, arithmetic, geometric, exponential")
        elif not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise invalid(f"{name}: {key} must be a non-negative integer")
    if policy.get("minDelayTarget", 20) > policy.get("maxDelayTarget", 20):
        raise invalid(f"{name}: minDelayTarget must be less than or equal to maxDelayTarget")


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise invalid(f"{name}: failed to parse JSON.")
    return value
