"""Each field of a pattern against an event: what it says, and where both texts have it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.bus.patterns import matches, parse_pattern
from nightbus.bus.patterns.field_verdicts import ABSENT, MATCHED, MISSED, field_verdicts, nearness

EVENT: dict[str, Any] = {
    "source": "shop",
    "detail": {
        "state": "paid",
        "a/b": {"~": 1},
        "a.b": "dotted",
        "lines": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}],
        "none": None,
        "empty": [],
    },
}


def at(value: Any, pointer: str) -> Any:
    """RFC 6901, as a reader of the answer would resolve it."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@pytest.mark.parametrize(
    ("pattern", "verdicts"),
    [
        ({"source": ["shop"]}, [("/source", MATCHED)]),
        ({"source": ["stock"]}, [("/source", MISSED)]),
        ({"detail": {"gone": ["x"]}}, [("", ABSENT)]),
        ({"detail": {"gone": [{"exists": False}]}}, [("", MATCHED)]),
        ({"detail": {"state": [{"exists": False}]}}, [("/detail/state", MISSED)]),
        ({"detail": {"a/b": {"~": [1]}}}, [("/detail/a~1b/~0", MATCHED)]),
        ({"detail": {"a.b": ["dotted"]}}, [("/detail/a.b", MATCHED)]),
        ({"detail": {"lines": {"sku": ["B"]}}}, [("/detail/lines/1/sku", MATCHED)]),
        ({"detail": {"lines": {"n": [7]}}}, [("/detail/lines/0/n", MISSED)]),
        ({"detail": {"none": [None]}}, [("/detail/none", MATCHED)]),
        ({"detail": {"empty": ["x"]}}, [("", ABSENT)]),
        ({"detail": {"lines": ["x"]}}, [("", ABSENT)]),
    ],
)  # fmt: skip
def test_fields_are_found_in_both_texts(pattern: Any, verdicts: list[tuple[str, str]]) -> None:
    found = field_verdicts(pattern, EVENT)
    assert [(one.event_pointer, one.verdict) for one in found] == verdicts
    for one in found:
        assert isinstance(at(pattern, one.pattern_pointer), list)
        assert bool(one.why) == (one.verdict != MATCHED)
        if one.event_pointer:
            assert not isinstance(at(EVENT, one.event_pointer), (dict, list))


def test_alternatives_are_marked() -> None:
    pattern: Any = {
        "detail": {
            "$or": [{"state": ["open"]}, {"lines": {"sku": ["A"]}, "$or": [{"none": [None]}, {"gone": [1]}]}]
        },
        "source": ["shop"],
    }
    found = {one.pattern_pointer: (one.verdict, one.in_or) for one in field_verdicts(pattern, EVENT)}
    assert found == {
        "/detail/$or/0/state": (MISSED, True),
        "/detail/$or/1/lines/sku": (MATCHED, True),
        "/detail/$or/1/$or/0/none": (MATCHED, True),
        "/detail/$or/1/$or/1/gone": (ABSENT, True),
        "/source": (MATCHED, False),
    }


def test_fields_that_match_in_different_elements_all_match() -> None:
    """The pattern as a whole does not, which `explain` says."""
    pattern = {"detail": {"lines": {"sku": ["A"], "n": [2]}}}
    assert not matches(parse_pattern(json.dumps(pattern)), EVENT)
    verdicts = field_verdicts(pattern, EVENT)
    assert [one.verdict for one in verdicts] == [MATCHED, MATCHED]
    assert nearness(verdicts) == 1.0


def test_nearness_is_the_part_that_matches() -> None:
    assert nearness([]) == 0.0
    verdicts = field_verdicts({"source": ["shop"], "detail": {"state": ["open"], "gone": [1]}}, EVENT)
    assert nearness(verdicts) == pytest.approx(1 / 3)
