"""Computes the due times of a rule's schedule: `rate(value unit)` or `cron(fields)`.

Times are UTC ms. A rate starts at the time at which its rule was created or enabled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from nightbus.bus.cron import LAST_YEAR, Cron, parse_cron

_RATE = re.compile(r"rate\(([1-9][0-9]*) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((.*)\)")
_UNITS_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_END_MS = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp() * 1000)
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Rate:
    period_ms: int


Schedule = Rate | Cron


class InvalidSchedule(ValueError):
    """The text is not a schedule expression of AWS's rules."""


def parse_schedule(text: str) -> Schedule:
    """Parse an expression. Raises InvalidSchedule."""
    rate = _RATE.fullmatch(text)
    if rate is not None:
        value, unit, plural = rate.groups()
        if (value != "1") != bool(plural):
            raise InvalidSchedule(f"{text}: 1 {unit}, but 2 {unit}s")
        return Rate(int(value) * _UNITS_MS[unit])
    cron = _CRON.fullmatch(text)
    if cron is None:
        raise InvalidSchedule(f"{text} is neither rate(value unit) nor cron(fields)")
    try:
        return parse_cron(cron[1])
    except ValueError as wrong:
        raise InvalidSchedule(f"{text}: {wrong}") from wrong


def next_due(schedule: Schedule, after: int, start: int) -> int | None:
    """Return the first due time after `after`; None if there is none any more. `start` is the schedule's start."""
    if isinstance(schedule, Rate):
        periods = max(0, after - start) // schedule.period_ms + 1
        due = start + periods * schedule.period_ms
        return due if due < _END_MS else None
    if not 0 <= after < _END_MS:
        return None
    occurrence = schedule.next_after(datetime.fromtimestamp(after / 1000, UTC))
    return None if occurrence is None else int(occurrence.timestamp() * 1000)


def latest_due(schedule: Schedule, due: int, now: int, start: int) -> int:
    """Return the last due time up to `now`, where `due` is a due time; `due` itself if it is later than `now`."""
    if isinstance(schedule, Rate):
        return max(due, start + (now - start) // schedule.period_ms * schedule.period_ms)
    # Bisect for the largest number of minutes after which there is still a due time up to now.
    still, none = 0, (now - due) // _MINUTE_MS + 1
    latest = due
    while none - still > 1:
        middle = (still + none) // 2
        occurrence = next_due(schedule, due + middle * _MINUTE_MS - 1, start)
        if occurrence is not None and occurrence <= now:
            still, latest = middle, occurrence
        else:
            none = middle
    return latest
