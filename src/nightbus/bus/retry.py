"""Decides when a failed delivery is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ExhaustedCondition = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]

FIRST_DELAY_MS = 1_000
LONGEST_DELAY_MS = 600_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A target's RetryPolicy with AWS's defaults; `maximum_event_age` in seconds."""

    maximum_retry_attempts: int = 185
    maximum_event_age: int = 86_400

    def next_attempt(
        self, attempt: int, accepted: int, now: int, jitter: float, not_before: int = 0
    ) -> int | None:
        return next_attempt(self, attempt, accepted, now, jitter, not_before)

    def ends(self, accepted: int) -> int:
        """UTC ms at which what was accepted then is too old."""
        return accepted + self.maximum_event_age * 1_000


def next_attempt(
    policy: RetryPolicy, attempt: int, first_ms: int, now_ms: int, jitter: float, not_before: int = 0
) -> int | None:
    """When (UTC ms) to try again after `attempt` (1 for the first) failed at `now_ms`; None: give the event up.

    `first_ms` is when the bus accepted the event; `jitter` in 0..1 is the caller's chance; `not_before`
    (UTC ms) is what the target asked for.
    """
    when = max(now_ms + _delay(attempt, jitter), not_before)
    return None if exhausted_condition(policy, attempt, first_ms, when) else when


def exhausted_condition(
    policy: RetryPolicy, attempt: int, first_ms: int, when_ms: int
) -> ExhaustedCondition | None:
    """Which limit forbids another try at `when_ms` after `attempt` attempts; attempts are looked at first."""
    if attempt > policy.maximum_retry_attempts:
        return "MaximumRetryAttempts"
    if when_ms - first_ms > policy.maximum_event_age * 1_000:
        return "MaximumEventAgeInSeconds"
    return None


def _delay(attempt: int, jitter: float) -> int:
    # The exponent is capped before it is raised: attempt 185 would otherwise be a number of 56 digits.
    full = min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(attempt - 1, 30))
    return full // 2 + round(full / 2 * jitter)
