"""When is a notification tried again that its subscriber did not take?

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

# Endpoints of AWS's own: at once, after a second, growing from 1 to 20 seconds, then every 20 seconds for 23 days.
_AT_ONCE, _AFTER_A_SECOND, _GROWING, _LAST = 3, 2, 10, 100_000
_LONGEST_MS = 20_000


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """The healthy retry policy of an HTTP endpoint; delays in seconds."""

    numRetries: int = 3
    numNoDelayRetries: int = 0
    minDelayTarget: int = 20
    maxDelayTarget: int = 20
    numMinDelayRetries: int = 0
    numMaxDelayRetries: int = 0
    backoffFunction: str = "linear"


def http_policy(topic_policy: str, subscription_policy: str) -> HttpPolicy:
    """The subscription's own policy over its topic's over the default."""
    given: dict[str, Any] = {}
    if topic_policy:
        http = orjson.loads(topic_policy).get("http") or {}
        given |= http.get("defaultHealthyRetryPolicy") or {}
        if http.get("disableSubscriptionOverrides"):
            subscription_policy = ""
    if subscription_policy:
        given |= orjson.loads(subscription_policy).get("healthyRetryPolicy") or {}
    return HttpPolicy(**given)


def aws_delay(attempt: int) -> int | None:
    """Milliseconds from failed `attempt` (1 for the first) to the next one; None when it was the last."""
    retry = attempt
    if retry <= _AT_ONCE:
        return 0
    retry -= _AT_ONCE
    if retry <= _AFTER_A_SECOND:
        return 1000
    retry -= _AFTER_A_SECOND
    if retry <= _GROWING:
        return 1000 + (_LONGEST_MS - 1000) * retry // _GROWING
    return _LONGEST_MS if retry - _GROWING <= _LAST else None


def http_delay(policy: HttpPolicy, attempt: int) -> int | None:
    """The same by an HTTP policy: first without delay, then the shortest, then growing, then the longest."""
    retry = attempt
    if retry > policy.numRetries:
        return None
    if retry <= policy.numNoDelayRetries:
        return 0
    retry -= policy.numNoDelayRetries
    if retry <= policy.numMinDelayRetries:
        return policy.minDelayTarget * 1000
    retry -= policy.numMinDelayRetries
    growing = max(
        1,
        policy.numRetries - policy.numNoDelayRetries - policy.numMinDelayRetries - policy.numMaxDelayRetries,
    )
    if retry > growing:
        return policy.maxDelayTarget * 1000
    return int(_between(policy, retry / growing) * 1000)


def _between(policy: HttpPolicy, share: float) -> float:
    """From the shortest to the longest delay along the backoff function."""
    span = policy.maxDelayTarget - policy.minDelayTarget
    powers = {"linear": 1.0, "arithmetic": 2.0, "geometric": 3.0}
    if policy.backoffFunction == "exponential":
        grown = math.pow(2.0, share) - 1
    else:
        grown = math.pow(share, powers[policy.backoffFunction])
    return policy.minDelayTarget + span * grown
