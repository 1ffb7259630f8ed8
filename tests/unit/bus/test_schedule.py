"""Does a schedule come due when AWS's documentation says, and is what AWS refuses refused?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.bus.cron import Cron, parse_cron
from nightbus.bus.schedule import InvalidSchedule, latest_due, next_due, parse_schedule

MINUTE = 60_000
NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def following(expression: str, after: str, count: int) -> list[str]:
    """The next due times, as texts."""
    schedule, moment, found = parse_schedule(expression), at(after), []
    for _ in range(count):
        due = next_due(schedule, moment, at(after))
        if due is None:
            break
        found.append(f"{datetime.fromtimestamp(due / 1000, UTC):%Y-%m-%d %H:%M}")
        moment = due
    return found


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # The examples of AWS's user guide, from Thursday 1 January 2026, 00:00, on.
        ("cron(0 10 * * ? *)", ["2026-01-01 10:00", "2026-01-02 10:00"]),
        ("cron(15 12 * * ? *)", ["2026-01-01 12:15", "2026-01-02 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["2026-01-01 18:00", "2026-01-02 18:00", "2026-01-05 18:00"]),
        ("cron(0 8 1 * ? *)", ["2026-01-01 08:00", "2026-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45"]),
        ("cron(0/10 * ? * MON-FRI *)", ["2026-01-01 00:10", "2026-01-01 00:20"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["2026-01-01 08:00", "2026-01-01 08:05"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", ["2026-01-01 00:30", "2026-01-01 01:00", "2026-01-01 01:30"]),
        ("cron(0 9 ? * 2#1 *)", ["2026-01-05 09:00", "2026-02-02 09:00"]),
        ("cron(0 0 ? * 3#2 *)", ["2026-01-13 00:00", "2026-02-10 00:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["2026-01-30 10:15", "2026-02-27 10:15"]),
        ("cron(0 0 L * ? *)", ["2026-01-31 00:00", "2026-02-28 00:00"]),
        ("cron(0 0 3W * ? *)", ["2026-01-02 00:00", "2026-02-03 00:00", "2026-03-03 00:00"]),
        ("cron(1/10 * * * ? *)", ["2026-01-01 00:01", "2026-01-01 00:11"]),
        ("cron(0 12 1-15 JAN,FEB,MAR ? *)", ["2026-01-01 12:00", "2026-01-02 12:00"]),
        # Ends and corners.
        ("cron(0 0 LW * ? *)", ["2026-01-30 00:00", "2026-02-27 00:00", "2026-03-31 00:00"]),
        ("cron(0 0 1W 8 ? *)", ["2026-08-03 00:00", "2027-08-02 00:00"]),
        ("cron(0 0 31W * ? *)", ["2026-01-30 00:00", "2026-03-31 00:00", "2026-05-29 00:00"]),
        ("cron(0 0 29 2 ? *)", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 30 FEB ? *)", []),
        ("cron(0 0 ? * L *)", ["2026-01-03 00:00", "2026-01-10 00:00"]),
        ("cron(0 0 ? * FRIL *)", ["2026-01-30 00:00", "2026-02-27 00:00"]),
        ("cron(0 0 ? * SUN#5 *)", ["2026-03-29 00:00", "2026-05-31 00:00"]),
        ("cron(0 0 ? * FRI-MON *)", ["2026-01-02 00:00", "2026-01-03 00:00", "2026-01-04 00:00", "2026-01-05 00:00"]),
        ("cron(0 0 ? NOV-FEB/2 sat *)", ["2026-01-03 00:00"]),
        ("cron(59 23 31 12 ? 2199)", ["2199-12-31 23:59"]),
        ("cron(0 0 1 1 ? 1970-2025)", []),
        ("rate(1 minute)", ["2026-01-01 00:01", "2026-01-01 00:02"]),
        ("rate(12 hours)", ["2026-01-01 12:00", "2026-01-02 00:00"]),
        ("rate(7 days)", ["2026-01-08 00:00", "2026-01-15 00:00"]),
        ("rate(99999999 days)", []),
    ],
)  # fmt: skip
def test_it_comes_due_when_the_documentation_says(expression: str, wanted: list[str]) -> None:
    assert following(expression, "2026-01-01T00:00:00", max(1, len(wanted))) == wanted


@pytest.mark.parametrize(
    "expression",
    [
        "", "rate(1 minutes)", "rate(5 minute)", "rate(0 minutes)", "rate(-1 minutes)", "rate(1.5 hours)", "rate(5)",
        "rate(5 seconds)", "rate(5 weeks)", "rate (5 minutes)", "rate(5  minutes)", "Rate(5 minutes)", "rate(05 days)",
        "at(2026-01-01T00:00:00)", "0 10 * * ? *", "cron()", "cron(0 10 * * ?)", "cron(0 10 * * ? * *)",
        "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(7 20 * * 1-7 *)", "cron(60 * * * ? *)", "cron(0 24 * * ? *)",
        "cron(0 0 0 * ? *)", "cron(0 0 32 * ? *)", "cron(0 0 1 13 ? *)", "cron(0 0 ? * 0 *)", "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * MON#6 *)", "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 ? * MONL,TUE *)", "cron(0 0 L,15 * ? *)",
        "cron(0 0 32W * ? *)", "cron(0 0 W * ? *)", "cron(0 0 1 1 ? 1969)", "cron(0 0 1 1 ? 2200)",
        "cron(0 0 1 1 ? 2030-2020)", "cron(*/0 * * * ? *)", "cron(0/60 * * * ? *)", "cron(? * * * ? *)",
        "cron(0/5, 9-18, ?, *, MON-FRI, *)", "cron(+1 * * * ? *)", "cron(1_0 * * * ? *)", "cron(*-5 * * * ? *)",
        "cron(0 0 1 MON ? *)", "cron(0 0 ? * MON#+1 *)", "cron(0 0 ? * L-1 *)", "cron(\u0663 0 1 * ? *)",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSchedule):
        parse_schedule(expression)


@st.composite
def fields(draw: st.DrawFn, least: int, most: int) -> str:
    """A value, a range, a step, or a list of some."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        low, high = draw(st.integers(least, most)), draw(st.integers(least, most))
        step = draw(st.sampled_from(["", "", f"/{draw(st.integers(1, most))}"]))
        parts.append(draw(st.sampled_from([str(low), f"{low}-{high}{step}", f"{low}{step}", f"*{step}"])))
    return ",".join(parts)


def months_days() -> st.SearchStrategy[str]:
    return st.one_of(
        fields(1, 31), st.just("L"), st.just("LW"), st.integers(1, 31).map(lambda day: f"{day}W")
    )


def weeks_days() -> st.SearchStrategy[str]:
    day = st.one_of(st.integers(1, 7).map(str), st.sampled_from(NAMES))
    placed = st.tuples(day, st.integers(1, 5)).map(lambda pair: f"{pair[0]}#{pair[1]}")
    return st.one_of(fields(1, 7), st.just("L"), day.map(lambda name: f"{name}L"), placed)


def crons() -> st.SearchStrategy[str]:
    of_month = months_days().map(lambda day: (day, "?"))
    of_week = weeks_days().map(lambda day: ("?", day))
    return st.tuples(
        fields(0, 59), fields(0, 23), st.one_of(of_month, of_week), fields(1, 12), st.just("*")
    ).map(lambda one: f"{one[0]} {one[1]} {one[2][0]} {one[3]} {one[2][1]} {one[4]}")


def comes_due(expression: str, moment: datetime) -> bool:
    """The same question asked of one minute, in the plainest way."""
    minute, hour, of_month, month, of_week, _ = expression.split()
    return (
        among(moment.minute, minute, 0, 59)
        and among(moment.hour, hour, 0, 23)
        and among(moment.month, month, 1, 12)
        and (day_fits(of_month, moment) if of_week == "?" else weekday_fits(of_week, moment))
    )


def among(value: int, field: str, least: int, most: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, dash, high = ("", "", "") if span == "*" else span.partition("-")
        first = int(low) if low else least
        last = int(high) if dash else most if step or not low else first
        place = first
        for _ in range((last - first) % (most - least + 1) + 1):
            steps = (place - first) % (most - least + 1)
            if place == value and steps % int(step or 1) == 0:
                return True
            place = least if place == most else place + 1
    return False


def last_of(moment: datetime) -> int:
    return ((moment.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day


def day_fits(field: str, moment: datetime) -> bool:
    last = last_of(moment)
    if field == "L":
        return moment.day == last
    if not field.endswith("W"):
        return among(moment.day, field, 1, 31)
    wanted = last if field == "LW" else int(field[:-1])
    if wanted > last:
        return False
    weekdays = [day for day in range(1, last + 1) if moment.replace(day=day).weekday() < 5]
    return moment.day == min(weekdays, key=lambda day: (abs(day - wanted), day))


def weekday_fits(field: str, moment: datetime) -> bool:
    weekday = moment.isoweekday() % 7 + 1
    if field == "L":
        return weekday == 7
    for place, name in enumerate(NAMES, 1):
        field = field.replace(name, str(place))
    if field.endswith("L"):
        return weekday == int(field[:-1]) and moment.day + 7 > last_of(moment)
    if "#" in field:
        day, number = map(int, field.split("#"))
        return weekday == day and (moment.day - 1) // 7 + 1 == number
    return among(weekday, field, 1, 7)


@settings(max_examples=150)
@given(crons(), st.datetimes(datetime(1999, 1, 1), datetime(2030, 1, 1)))
def test_the_next_time_is_what_a_scan_of_all_minutes_finds(expression: str, after: datetime) -> None:
    after = after.replace(tzinfo=UTC)
    found = parse_cron(expression).next_after(after)
    minute = after.replace(second=0, microsecond=0)
    for _ in range(3 * 24 * 60):
        minute += timedelta(minutes=1)
        if comes_due(expression, minute):
            assert found == minute
            return
    assert found is None or found > minute
    assert found is None or comes_due(expression, found)


@settings(max_examples=150)
@given(crons(), st.datetimes(datetime(2020, 1, 1), datetime(2021, 1, 1)), st.integers(0, 3 * 366 * 24 * 60))
def test_the_latest_time_is_the_last_of_those_that_follow(
    expression: str, after: datetime, minutes: int
) -> None:
    schedule: Cron = parse_cron(expression)
    due = next_due(schedule, int(after.replace(tzinfo=UTC).timestamp() * 1000), 0)
    if due is None:
        return
    now = due + minutes * MINUTE + 1
    latest = latest_due(schedule, due, now, 0)
    assert due <= latest <= now
    assert latest == due or next_due(schedule, latest - 1, 0) == latest
    later = next_due(schedule, latest, 0)
    assert later is None or later > now


@given(st.integers(1, 5000), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_rate_keeps_its_step_from_the_start(minutes: int, start: int, passed: int) -> None:
    schedule = parse_schedule("rate(1 minute)" if minutes == 1 else f"rate({minutes} minutes)")
    start, step = start * 1000, minutes * MINUTE
    now = start + passed * 1000
    due = next_due(schedule, now, start)
    assert due is not None
    assert now < due <= now + step
    assert (due - start) % step == 0
    first = start + step
    assert latest_due(schedule, first, now, start) == max(first, due - step)
