"""Computes the due times of AWS's cron expressions: six fields, of which one of the two day fields is `?`.

`parse_cron` parses the fields between `cron(` and `)`; a `Cron` computes its next due minute. All times are UTC. A
range may wrap around (`22-2`, `FRI-MON`), except for years. `L`, `W` and `#` are the only value of their field.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

FIRST_YEAR, LAST_YEAR = 1970, 2199
_SATURDAY = 7  # AWS's week begins with Sunday, 1
_PART = re.compile(r"(\*|[A-Z0-9]+)(?:-([A-Z0-9]+))?(?:/([0-9]+))?")

Days = Callable[[int, int], list[int]]
"""Returns the days of a month (year, month) on which an expression is due, sorted."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the expression. `least` and `most` limit its values; `names` are names of values, from `least` on."""

    least: int
    most: int
    names: tuple[str, ...] = ()
    goes_round: bool = True


_MINUTES = _Field(0, 59)
_HOURS = _Field(0, 23)
_DAYS_OF_MONTH = _Field(1, 31)
_MONTHS = _Field(1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
_DAYS_OF_WEEK = _Field(1, _SATURDAY, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_YEARS = _Field(FIRST_YEAR, LAST_YEAR, goes_round=False)


@dataclass(frozen=True, slots=True)
class Cron:
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first due minute after that of `moment`; None if there is none any more."""
        start = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days_from(start.date()):
            at_least = (start.hour, start.minute) if day == start.date() else (0, 0)
            time = self._time_from(at_least)
            if time is not None:
                return datetime(day.year, day.month, day.day, *time, tzinfo=UTC)
        return None

    def _days_from(self, first: date) -> Iterator[date]:
        for year in self.years:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    for day in self.days(year, month):
                        occurrence = date(year, month, day)
                        if occurrence >= first:
                            yield occurrence

    def _time_from(self, at_least: tuple[int, int]) -> tuple[int, int] | None:
        for hour in self.hours:
            if hour >= at_least[0]:
                for minute in self.minutes:
                    if (hour, minute) >= at_least:
                        return hour, minute
        return None


def parse_cron(fields: str) -> Cron:
    """Parse the fields. Raises ValueError for what AWS refuses."""
    minutes, hours, day_of_month, month, day_of_week, year = fields.upper().split()
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ValueError("one of day-of-month and day-of-week must be ?, and not both")
    return Cron(
        _values(minutes, _MINUTES),
        _values(hours, _HOURS),
        _of_month(day_of_month) if day_of_week == "?" else _of_week(day_of_week),
        _values(month, _MONTHS),
        _values(year, _YEARS),
    )


def _values(text: str, field: _Field) -> tuple[int, ...]:
    """Return the sorted values that a field of lists, ranges and steps allows."""
    return tuple(sorted({value for part in text.split(",") for value in _range(part, field)}))


def _range(part: str, field: _Field) -> list[int]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no value, range or step")
    first, last, step = match.groups()
    if first == "*":
        if last is not None:
            raise ValueError(f"{part!r} is no range")
        low, high = field.least, field.most
    else:
        low = _value(first, field)
        high = _value(last, field) if last is not None else field.most if step is not None else low
    every = 1 if step is None else int(step)
    if not 1 <= every <= field.most:
        raise ValueError(f"{part!r} has a step that is not possible")
    if low <= high:
        return list(range(low, high + 1, every))
    if not field.goes_round:
        raise ValueError(f"{part!r} ends before it begins")
    size = field.most - field.least + 1
    return [(value - field.least) % size + field.least for value in range(low, high + size + 1, every)]


def _value(text: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.least
    value = _number(text)
    if not field.least <= value <= field.most:
        raise ValueError(f"{text} is not from {field.least} to {field.most}")
    return value


def _number(text: str) -> int:
    """Parse a number more strictly than `int`, which accepts signs, underscores and digits of other scripts."""
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text!r} is no number")
    return int(text)


def _of_month(text: str) -> Days:
    if text == "L":
        return lambda year, month: [_length(year, month)]
    if text == "LW":
        return lambda year, month: [_nearest_weekday(year, month, _length(year, month))]
    if text.endswith("W"):
        day = _value(text[:-1], _DAYS_OF_MONTH)
        return lambda year, month: [_nearest_weekday(year, month, day)] if day <= _length(year, month) else []
    values = _values(text, _DAYS_OF_MONTH)
    return lambda year, month: [day for day in values if day <= _length(year, month)]


def _of_week(text: str) -> Days:
    if text.endswith("L"):
        if text == "L":  # the last day of the week
            return lambda year, month: _such_days(year, month, (_SATURDAY,))
        last = (_value(text[:-1], _DAYS_OF_WEEK),)
        return lambda year, month: _such_days(year, month, last)[-1:]
    if "#" in text:
        name, _, number = text.partition("#")
        which, nth = (_value(name, _DAYS_OF_WEEK),), _number(number)
        if not 1 <= nth <= 5:
            raise ValueError(f"{text!r}: a month has at most five of any weekday")
        return lambda year, month: _such_days(year, month, which)[nth - 1 : nth]
    values = _values(text, _DAYS_OF_WEEK)
    return lambda year, month: _such_days(year, month, values)


def _such_days(year: int, month: int, weekdays: tuple[int, ...]) -> list[int]:
    """Return the days of the month that have one of these weekdays."""
    first, length = monthrange(year, month)  # Monday is 0
    return [day for day in range(1, length + 1) if (first + day) % 7 + 1 in weekdays]


def _nearest_weekday(year: int, month: int, day: int) -> int:
    """Return the weekday (Monday to Friday) closest to the day within the same month."""
    weekday = date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < _length(year, month) else day - 2
    return day


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]
