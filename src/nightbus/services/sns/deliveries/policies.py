"""Validates the delivery policies of topics and of HTTP(S) subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.services.sns.deliveries.retries import HttpPolicy
from nightbus.services.sns.errors import bad_parameter

_LONGEST_TOTAL = 3600
_RANGES = {
    "numRetries": (0, 100),
    "numNoDelayRetries": (0, 100),
    "numMinDelayRetries": (0, 100),
    "numMaxDelayRetries": (0, 100),
    "minDelayTarget": (1, 3600),
    "maxDelayTarget": (1, 3600),
}
_BACKOFF = ("linear", "arithmetic", "geometric", "exponential")
_CONTENT_TYPES = frozenset(
    {
        "application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml",
        "application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml", "text/css", "text/csv",
        "text/html", "text/plain", "text/xml",
    }
)  # fmt: skip


def check_topic_policy(policy: Mapping[str, Any]) -> None:
    """Raise AwsError InvalidParameter unless the policy is valid for a topic."""
    _check_names(policy, {"http", "sqs", "lambda", "firehose", "application"})
    for protocol in policy:
        if protocol != "http":
            raise not_supported("sns", "SetTopicAttributes", f"a DeliveryPolicy for {protocol}")
    http = _part(policy, "http")
    _check_names(
        http,
        {
            "defaultHealthyRetryPolicy",
            "disableSubscriptionOverrides",
            "defaultThrottlePolicy",
            "defaultRequestPolicy",
            "defaultSicklyRetryPolicy",
        },
    )
    _refuse_sickly(http.get("defaultSicklyRetryPolicy"))
    if not isinstance(http.get("disableSubscriptionOverrides", False), bool):
        raise bad_parameter("DeliveryPolicy: http.disableSubscriptionOverrides must be a boolean")
    _check_retries(_part(http, "defaultHealthyRetryPolicy"))
    _check_throttle(_part(http, "defaultThrottlePolicy"))
    _check_request(_part(http, "defaultRequestPolicy"))


def check_subscription_policy(policy: Mapping[str, Any]) -> None:
    """Raise AwsError InvalidParameter unless the policy is valid for a subscription."""
    _check_names(
        policy, {"healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"}
    )
    _refuse_sickly(policy.get("sicklyRetryPolicy"))
    _check_retries(_part(policy, "healthyRetryPolicy"))
    _check_throttle(_part(policy, "throttlePolicy"))
    _check_request(_part(policy, "requestPolicy"))


def _part(policy: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = policy.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_parameter(f"DeliveryPolicy: {name} must be an object")
    return value


def _check_names(policy: Mapping[str, Any], names: set[str]) -> None:
    unknown = sorted(set(policy) - names)
    if unknown:
        raise bad_parameter(f"DeliveryPolicy: unexpected JSON member: {unknown[0]}")


def _refuse_sickly(policy: Any) -> None:
    if policy is not None:
        raise not_supported("sns", "SetSubscriptionAttributes", "a DeliveryPolicy with sicklyRetryPolicy")


def _check_retries(policy: Mapping[str, Any]) -> None:
    _check_names(policy, {*_RANGES, "backoffFunction"})
    if policy.get("backoffFunction", "linear") not in _BACKOFF:
        raise bad_parameter(f"DeliveryPolicy: backoffFunction must be one of {', '.join(_BACKOFF)}")
    for name, (least, most) in _RANGES.items():
        value = policy.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise bad_parameter(f"DeliveryPolicy: {name} must be an integer between {least} and {most}")
    retries = HttpPolicy(**policy)
    if retries.minDelayTarget > retries.maxDelayTarget:
        raise bad_parameter("DeliveryPolicy: minDelayTarget must be less than or equal to maxDelayTarget")
    phases = retries.numNoDelayRetries + retries.numMinDelayRetries + retries.numMaxDelayRetries
    if phases > retries.numRetries:
        raise bad_parameter(
            "DeliveryPolicy: numRetries must be at least the retries of all its phases together"
        )
    if retries.total_seconds() > _LONGEST_TOTAL:
        raise bad_parameter(
            f"DeliveryPolicy: the total retry time must not be above {_LONGEST_TOTAL} seconds"
        )


def _check_throttle(policy: Mapping[str, Any]) -> None:
    _check_names(policy, {"maxReceivesPerSecond"})
    value = policy.get("maxReceivesPerSecond")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise bad_parameter("DeliveryPolicy: maxReceivesPerSecond must be an integer of at least 1")


def _check_request(policy: Mapping[str, Any]) -> None:
    _check_names(policy, {"headerContentType"})
    value = policy.get("headerContentType")
    text = "" if value is None else str(value)
    kind = text.partition(";")[0].strip()
    # A parameter after the type goes into the request's head: it must not end the line.
    if value is not None and (kind not in _CONTENT_TYPES or not (text.isascii() and text.isprintable())):
        raise bad_parameter(
            f"DeliveryPolicy: headerContentType must be one of {', '.join(sorted(_CONTENT_TYPES))}"
        )
