"""Spans of time as tests write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nightbus.testing.durations import Duration, milliseconds


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("24h", 86_400_000),
        ("1h30m", 5_400_000),
        ("7d", 604_800_000),
        ("90s", 90_000),
        ("250ms", 250),
        ("1.5s", 1_500),
        ("1h 5m", 3_900_000),
        (90, 90_000),
        (0.25, 250),
        (timedelta(minutes=2), 120_000),
        ("0s", 0),
    ],
)
def test_durations(duration: Duration, expected: int) -> None:
    assert milliseconds(duration) == expected


@pytest.mark.parametrize(
    "duration",
    [
        "",
        "h",
        "24",
        "1h-",
        "-1h",
        "1 week",
        "1h2",
        -1,
        timedelta(seconds=-1),
        "401d",
        float("inf"),
        float("nan"),
    ],
)
def test_what_is_no_duration(duration: Duration) -> None:
    with pytest.raises(ValueError, match=r"duration|go back"):
        milliseconds(duration)
