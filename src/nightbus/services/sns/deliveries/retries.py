"""Computes when a failed notification is tried again. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.bus.json_text import write_json

PLAIN = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Phases:
    """The retry policy of AWS endpoints and mail, in four phases.

    There are `at_once` retries without delay, `early` ones after `shortest` ms each, `growing` ones after delays that
    grow from `shortest` to `longest` ms, and `late` ones after `longest` ms each.
    """

    at_once: int
    early: int
    growing: int
    late: int
    shortest: int
    longest: int

    def delay(self, attempt: int) -> int | None:
        """Return the ms between the failed `attempt` (1 is the first) and the next one; None after the last."""
        retry = attempt - self.at_once
        if retry <= 0:
            return 0
        retry -= self.early
        if retry <= 0:
            return self.shortest
        if retry <= self.growing:
            return round(self.shortest * math.pow(self.longest / self.shortest, retry / self.growing))
        return self.longest if retry - self.growing <= self.late else None


AWS_ENDPOINTS = Phases(at_once=3, early=2, growing=10, late=100_000, shortest=1000, longest=20_000)
SMTP = Phases(at_once=0, early=2, growing=10, late=38, shortest=10_000, longest=600_000)


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

    def delay(self, attempt: int) -> int | None:
        """Return the ms between the failed `attempt` (1 is the first) and the next one; None after the last.

        The delays are zero at first, then the shortest, then growing ones, then the longest.
        """
        retry = attempt
        if retry > self.numRetries:
            return None
        if retry <= self.numNoDelayRetries:
            return 0
        retry -= self.numNoDelayRetries
        if retry <= self.numMinDelayRetries:
            return self.minDelayTarget * 1000
        retry -= self.numMinDelayRetries
        growing = max(
            1, self.numRetries - self.numNoDelayRetries - self.numMinDelayRetries - self.numMaxDelayRetries
        )
        if retry > growing:
            return self.maxDelayTarget * 1000
        return int(self._between(retry / growing) * 1000)

    def _between(self, share: float) -> float:
        """Return the delay in seconds at `share` (0 to 1) of the growing phase, by the backoff function."""
        span = self.maxDelayTarget - self.minDelayTarget
        powers = {"linear": 1.0, "arithmetic": 2.0, "geometric": 3.0}
        if self.backoffFunction == "exponential":
            grown = math.pow(2.0, share) - 1
        else:
            grown = math.pow(share, powers[self.backoffFunction])
        return self.minDelayTarget + span * grown

    def total_seconds(self) -> float:
        """Return the sum of all delays."""
        return sum((self.delay(attempt) or 0) / 1000 for attempt in range(1, self.numRetries + 1))


@dataclass(frozen=True, slots=True)
class SubscriberPolicy:
    """Implements `nightbus.delivery.jobs.Policy` by the pauses of a protocol. A notification never grows too old."""

    retries: Phases | HttpPolicy

    def next_attempt(
        self, attempt: int, accepted: int, now: int, jitter: float, not_before: int
    ) -> int | None:
        delay = self.retries.delay(attempt)
        return None if delay is None else now + delay

    def ends(self, accepted: int) -> int | None:
        return None


@dataclass(frozen=True, slots=True)
class HttpDelivery:
    """The effective delivery policy of an HTTP endpoint. `per_second` limits notifications; 0 is no limit."""

    retries: HttpPolicy
    content_type: str = PLAIN
    per_second: int = 0

    def shown(self) -> str:
        """Return the JSON of a subscription's EffectiveDeliveryPolicy."""
        policy: dict[str, Any] = {
            "healthyRetryPolicy": _policy_members(self.retries),
            "sicklyRetryPolicy": None,
            "throttlePolicy": {"maxReceivesPerSecond": self.per_second} if self.per_second else None,
            "requestPolicy": {"headerContentType": self.content_type},
            "guaranteed": False,
        }
        return write_json(policy)


def _policy_members(policy: HttpPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in HttpPolicy.__dataclass_fields__}


def http_delivery(topic_policy: str, subscription_policy: str) -> HttpDelivery:
    """Return the effective policy: the subscription's members over the topic's over the defaults.

    Both policies are JSON, or "" for none.
    """
    http = (orjson.loads(topic_policy).get("http") if topic_policy else None) or {}
    subscription = orjson.loads(subscription_policy) if subscription_policy else {}
    if http.get("disableSubscriptionOverrides"):
        subscription = {}
    retries = (http.get("defaultHealthyRetryPolicy") or {}) | (subscription.get("healthyRetryPolicy") or {})
    request = (http.get("defaultRequestPolicy") or {}) | (subscription.get("requestPolicy") or {})
    throttle = (http.get("defaultThrottlePolicy") or {}) | (subscription.get("throttlePolicy") or {})
    return HttpDelivery(
        HttpPolicy(**retries),
        request.get("headerContentType") or PLAIN,
        throttle.get("maxReceivesPerSecond") or 0,
    )
