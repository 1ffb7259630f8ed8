"""Is a failed delivery tried again as often and as long as its policy says, and no longer?"""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from nightbus.bus.retry import LONGEST_DELAY_MS, RetryPolicy, exhausted_condition, next_attempt


def attempts(policy: RetryPolicy, jitter: float) -> list[int]:
    """When each attempt is made, in ms after the event, if all of them fail at once."""
    times = [0]
    while (when := next_attempt(policy, len(times), 0, times[-1], jitter)) is not None:
        times.append(when)
    return times


@given(st.floats(0, 1), st.integers(0, 185), st.integers(60, 86_400))
def test_neither_limit_is_passed(jitter: float, retries: int, age: int) -> None:
    times = attempts(RetryPolicy(retries, age), jitter)
    assert len(times) <= retries + 1
    assert times[-1] <= age * 1_000
    assert all(0 < after - before <= LONGEST_DELAY_MS for before, after in itertools.pairwise(times))


@given(st.floats(0, 1))
def test_delays_grow(jitter: float) -> None:
    times = attempts(RetryPolicy(), jitter)
    delays = [after - before for before, after in itertools.pairwise(times)]
    assert delays == sorted(delays)


def test_by_default_185_retries_take_most_of_a_day() -> None:
    times = attempts(RetryPolicy(), 0.5)
    assert len(times) == 186
    assert 22 * 3_600_000 < times[-1] <= 24 * 3_600_000


def test_no_retry_at_all() -> None:
    assert next_attempt(RetryPolicy(0), 1, 0, 0, 0.5) is None


def test_which_limit_it_was() -> None:
    assert exhausted_condition(RetryPolicy(1, 60), 2, 0, 61_000) == "MaximumRetryAttempts"
    assert exhausted_condition(RetryPolicy(1, 60), 1, 0, 61_000) == "MaximumEventAgeInSeconds"
    assert exhausted_condition(RetryPolicy(1, 60), 1, 0, 60_000) is None
