"""Do values that match together lie in the same element of every array that they share? Against all combinations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from nightbus.bus.patterns import matches, parse_pattern

NAMES = st.sampled_from(["a", "b"])
EVENTS = st.recursive(
    st.integers(0, 2),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=2) | st.lists(inner, max_size=3),
    max_leaves=16,
)
RULES = st.recursive(
    st.lists(st.integers(0, 2), min_size=1, max_size=2, unique=True),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=2),
    max_leaves=4,
)
Way = tuple[str | int, ...]  # of names and indexes from the event down to a value


def ways(value: Any, way: Way = ()) -> Iterator[tuple[Way, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ways(inner, (*way, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            # A number in an array is the array's, whichever element it is.
            yield from ways(inner, (*way, index) if isinstance(inner, (dict, list)) else way)
    else:
        yield way, value


def names_of(way: Way) -> tuple[str, ...]:
    return tuple(part for part in way if isinstance(part, str))


def wanted(rule: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    if isinstance(rule, list):
        yield path, rule
    else:
        for name, inner in rule.items():
            yield from wanted(inner, (*path, name))


def agree(one: Way, other: Way) -> bool:
    """Where their ways part, they part by a name, not by an element."""
    for here, there in zip(one, other, strict=False):
        if here != there:
            return isinstance(here, str) or isinstance(there, str)
    return True


def matches_plainly(rule: Any, event: Any) -> bool:
    found = list(ways(event))
    good = [
        [way for way, value in found if names_of(way) == path and value in values]
        for path, values in wanted(rule)
    ]
    return any(all(agree(*pair) for pair in combinations(chosen, 2)) for chosen in product(*good))


@example({"a": {"a": [1]}, "b": {"a": [1]}}, {"a": [{"a": 1}], "b": [{"a": 1}]})
@example({"a": {"a": [1], "b": [2]}}, {"a": [{"a": 1}, {"b": 2}]})
@settings(max_examples=1_000)
@given(RULES, EVENTS)
def test_all_combinations(rule: Any, event: Any) -> None:
    rule, event = {"detail": rule}, {"detail": event}
    assert matches(parse_pattern(json.dumps(rule)), event) == matches_plainly(rule, event)
