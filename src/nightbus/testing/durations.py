"""Reads spans of time as tests write them: a timedelta, seconds, or a text such as "24h" or "1h30m"."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_DAYS = 400
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
Duration = str | float | timedelta


def milliseconds(duration: Duration) -> int:
    """Raises ValueError for a text that is none, for less than nothing, and for more than 400 days."""
    if isinstance(duration, timedelta):
        ms = duration.total_seconds() * 1000
    elif isinstance(duration, str):
        ms = _of_text(duration)
    else:
        ms = duration * 1000
    if ms < 0:
        raise ValueError(f"time does not go back: {duration!r}")
    if not ms <= _LONGEST_DAYS * _UNITS["d"]:  # nor what is no number
        raise ValueError(f"no duration of at most {_LONGEST_DAYS} days: {duration!r}")
    return round(ms)


def _of_text(text: str) -> float:
    compact = text.replace(" ", "")
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"{text!r} is no duration: write 30s, 5m, 24h, 7d, or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
