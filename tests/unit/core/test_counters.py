"""What a node counts: bounded by labels, and gone with what it was about."""

from __future__ import annotations

import gc

from nightbus.counters import SHORT, ByLabel, Counters, Histogram, RuleCounts


def test_a_histogram_counts_each_value_in_the_first_bound_that_is_not_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.5):
        histogram.observe(value)
    assert (histogram.counts, histogram.count, histogram.total) == ([2, 1, 1], 4, 5.5)


def test_labels_beyond_the_most_share_one_number() -> None:
    numbers: ByLabel[str, list[int]] = ByLabel(2, lambda: [0], "other")
    for label in ("a", "b", "c", "d", "a"):
        numbers[label][0] += 1
    assert numbers == {"a": [2], "b": [1], "other": [2]}


def test_a_rules_numbers_last_as_long_as_somebody_holds_them() -> None:
    rules = RuleCounts()
    held = rules.of("arn:rule")
    held.matched += 1
    assert rules.of("arn:rule") is held
    assert [(arn, count.matched) for arn, count in rules] == [("arn:rule", 1)]
    del held
    gc.collect()
    assert rules.get("arn:rule") is None


def test_an_invocation_counts_for_its_function_and_for_all() -> None:
    counters = Counters()
    counters.invocation("f", 0.2, 0.1, failed=False)
    counters.invocation("f", 0.2, None, failed=True)
    counters.throttle("f")
    for count in (counters.invocations, counters.functions["f"]):
        assert (count.invoked, count.failed, count.throttled, count.cold) == (2, 1, 1, 1)
        assert (count.seconds.count, count.init_seconds.count) == (2, 1)
    counters.forget_function("f")
    assert "f" not in counters.functions and counters.invocations.invoked == 2


def test_the_snapshot_has_the_totals() -> None:
    counters = Counters()
    counters.request("events", "PutEvents", "ok", 0.01)
    counters.request("events", "PutEvents", "AccessDenied", 0.01)
    counters.attempts["rule", "sqs"].delivered += 3
    now = counters.snapshot()
    assert now["nightbus_requests_total"] == 2
    assert now["nightbus_requests_failed_total"] == 1
    assert now["nightbus_deliveries_delivered_total"] == 3
    assert counters.request_seconds["events", "PutEvents"].bounds == SHORT
