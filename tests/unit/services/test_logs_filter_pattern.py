"""The terms of filter patterns, and which events of a batch are admitted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.services.logs.admission import admit_batch
from nightbus.services.logs.filter_pattern import compile_pattern

_DAY = 86_400_000
_NOW = 100 * _DAY


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ("ERROR disk", "ERROR: the disk", True),
        ("ERROR disk", "ERROR: the memory", False),
        ('"not found"', "it was not found", True),
        ('"not found"', "found it not", False),
        (r'"say \"yes\""', 'they say "yes"', True),
        ("?ERROR ?WARN", "WARN of it", True),
        ("?ERROR ?WARN", "INFO of it", False),
        ("ERROR -disk", "ERROR of memory", True),
        ("ERROR -disk", "ERROR of disk", False),
        ('-"a b"', "a c b", True),
        ("?ERROR INFO", "INFO alone", True),
    ],
)
def test_terms(pattern: str, message: str, matches: bool) -> None:
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize("pattern", ['"open', "a.b", 'a"b"', "-", "?"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(AwsError, match="Invalid filter pattern"):
        compile_pattern(pattern)


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_quoted_phrase_is_found_where_it_is(phrase: str, around: str) -> None:
    quoted = '"' + phrase.replace("\\", "\\\\").replace('"', '\\"') + '"'
    assert compile_pattern(quoted)(around + phrase + around)


@given(st.lists(st.integers(_NOW - _DAY // 2, _NOW), min_size=1, max_size=20))
def test_timely_events_in_order_are_all_taken(times: list[int]) -> None:
    events = [{"timestamp": time, "message": "m"} for time in sorted(times)]
    admission = admit_batch(events, _NOW, None)
    assert admission.rejected is None
    assert [time for time, _ in admission.events] == sorted(times)


def test_too_old_and_expired_events_are_counted() -> None:
    events = [{"timestamp": _NOW - 14 * _DAY - 1 + number, "message": "m"} for number in range(3)]
    assert admit_batch(events, _NOW, None).rejected == {"tooOldLogEventEndIndex": 1}
    admission = admit_batch(events, _NOW, _NOW - _DAY)
    assert admission.rejected == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 3}
    assert admission.events == []


def test_batches_that_are_refused_as_a_whole() -> None:
    long = [{"timestamp": _NOW, "message": "x" * 1_048_551}]
    with pytest.raises(AwsError, match="Upload too large: 1048577 bytes exceeds limit of 1048576"):
        admit_batch(long, _NOW, None)
    wide = [{"timestamp": _NOW - _DAY - 1, "message": "a"}, {"timestamp": _NOW, "message": "b"}]
    with pytest.raises(AwsError, match="cannot span more than 24 hours"):
        admit_batch(wide, _NOW, None)
