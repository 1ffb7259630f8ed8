"""Computes when a failed delivery is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ExhaustedCondition = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]

FIRST_DELAY_MS = 1_000
LONGEST_DELAY_MS = 600_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A target's RetryPolicy with AWS's defaults. `maximum_event_age` is in seconds."""

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
    """Return the time (UTC ms) of the next attempt after `attempt` (1 is the first) failed at `now_ms`; None to give
    up.

    `first_ms` is the time at which the bus accepted the event; `jitter` is a random number from 0 to 1; `not_before`
    (UTC ms) is the earliest time that the target allows.
    """
    when = max(now_ms + _delay(attempt, jitter), not_before)
    return None if exhausted_condition(policy, attempt, first_ms, when) else when


def exhausted_condition(
    policy: RetryPolicy, attempt: int, first_ms: int, when_ms: int
) -> ExhaustedCondition | None:
    """Return the limit that forbids an attempt at `when_ms` after `attempt` attempts: that of attempts, or of age."""
    if attempt > policy.maximum_retry_attempts:
        return "MaximumRetryAttempts"
    if when_ms - first_ms > policy.maximum_event_age * 1_000:
        return "MaximumEventAgeInSeconds"
    return None


def _delay(attempt: int, jitter: float) -> int:
    # The exponent is limited first, because the power for attempt 185 would have 56 digits.
    full = min(LONGEST_DELAY_MS, FIRST_DELAY_MS << min(attempt - 1, 30))
    return full // 2 + round(full / 2 * jitter)
