"""Requests to an endpoint are spread evenly over time, and each keeps the moment that it was given."""

from __future__ import annotations

from nightbus.delivery.rates import Rates


def test_moments_are_spread_evenly() -> None:
    rates = Rates()
    assert [rates.wait_until("a", 4, who, 1000) for who in range(4)] == [None, 1250, 1500, 1750]
    assert rates.wait_until("b", 4, 0, 1000) is None
    assert rates.wait_until("a", 4, 9, 5000) is None


def test_a_moment_is_kept_until_it_comes() -> None:
    rates = Rates()
    rates.wait_until("a", 1, "first", 0)
    assert rates.wait_until("a", 1, "second", 0) == 1000
    assert rates.wait_until("a", 1, "third", 0) == 2000
    assert rates.wait_until("a", 1, "second", 500) == 1000
    assert rates.wait_until("a", 1, "second", 1000) is None
    assert rates.wait_until("a", 1, "third", 2000) is None


def test_nothing_stays_of_endpoints_that_have_room() -> None:
    rates = Rates()
    for endpoint in range(10_000):
        rates.wait_until(f"endpoint {endpoint}", 1000, 0, endpoint * 10)
    assert len(rates) < 5_000
