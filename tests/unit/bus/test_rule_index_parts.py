"""Do the parts of the rule index answer as the matchers would, and is nothing left of what was removed?"""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.bus.index.field import FieldIndex
from nightbus.bus.index.ranges import Ranges, order_key
from nightbus.bus.index.reader import few_reader
from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.index.texts import fold
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import matches, parse_pattern
from nightbus.bus.patterns.case_folding import folds
from nightbus.bus.patterns.matchers import Numeric
from nightbus.bus.patterns.rule import Field
from unit.bus.index_cases import MATCHERS, VALUES, pattern_text

FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def field_of(matchers: list[Any]) -> Field:
    return parse_pattern(pattern_text({"x": matchers})).branches[0][0]


@settings(max_examples=500)
@given(st.lists(st.lists(MATCHERS, min_size=1, max_size=3), min_size=1, max_size=12))
def test_fields_are_found_as_they_accept(lists: list[list[Any]]) -> None:
    fields = dict(enumerate(map(field_of, lists)))
    index: FieldIndex[int] = FieldIndex()
    for number, field in fields.items():
        index.add(field, number)
    while fields:
        for text in VALUES:
            value, found = parse_json(text), set[int]()
            index.find(value, found)
            assert found == {number for number, field in fields.items() if field.accepts(value)}, text
        number, field = fields.popitem()
        index.remove(field, number)
    assert not index


@settings(max_examples=500)
@given(
    st.lists(st.tuples(FLOATS, FLOATS, st.booleans(), st.booleans()), max_size=30),
    st.lists(FLOATS, max_size=10),
)
def test_ranges_hold_what_lies_in_them(
    bounds: list[tuple[float, float, bool, bool]], others: list[float]
) -> None:
    numerics = dict(
        enumerate(Numeric(min(a, b), max(a, b), low, high) for a, b, low, high in bounds if a != b)
    )
    numerics[-1], numerics[-2] = Numeric(low=0.0), Numeric(high=-0.0, high_included=True)
    ranges: Ranges[int] = Ranges()
    for number, numeric in numerics.items():
        ranges.add(numeric, number)
    ends = [end for a, b, _, _ in bounds for end in (a, b)]
    while numerics:
        for value in (*ends, *others, 0.0, -0.0, 5e-324, -5e-324):
            found: set[int] = set()
            ranges.find(value, found)
            assert found == {number for number, numeric in numerics.items() if numeric.accepts(value)}
        number, numeric = numerics.popitem()
        ranges.remove(numeric, number)
    assert not ranges


@given(FLOATS, FLOATS)
def test_keys_are_ordered_as_doubles_are(one: float, other: float) -> None:
    assert (order_key(one) < order_key(other)) == (one < other)
    assert (order_key(one) == order_key(other)) == (one == other)


def test_folded_texts_are_equal_where_a_rule_takes_characters_for_one_another() -> None:
    for code in range(0x10000):
        (forms,) = folds(chr(code))
        assert {fold(form) for form in forms} == {fold(chr(code))}, hex(code)
    # Folding goes character by character, so it holds for texts, too; Σ is the one whose lower form depends on others.
    for text in ("ΑΣ", "ΑΣΑ", "ΣΣ", "İΣ", "ΑΣ."):
        assert fold(text) == "".join(map(fold, text))


@pytest.mark.parametrize("name", ['"', "\\", "\n", "\ud800", "\u00a0", "é", ""])
def test_names_of_any_character(name: str) -> None:
    index = RuleIndex()
    index.add("one", parse_pattern(json.dumps({"detail": {name: ["a"]}})))
    assert index.match_json(json.dumps({"detail": {name: "a"}}).encode()) == ["one"]
    assert index.match_json(json.dumps({f"detail.{name}": "a"}).encode()) == ["one"]
    assert index.match_json(json.dumps({"detail": {name: "b"}}).encode()) == []


def test_more_paths_than_a_reader_takes() -> None:
    index = RuleIndex()
    for number in range(2_000):
        index.add(f"rule{number}", parse_pattern(json.dumps({"detail": {f"f{number}": ["a"]}})))
    assert few_reader({f"detail.f{number}": number for number in range(2_000)}) is None
    assert index.match_json(b'{"detail": {"f7": "a", "f8": "b", "f1999": "a"}}') == ["rule7", "rule1999"]
    for number in range(1_990):
        index.remove(f"rule{number}")
    assert index.match_json(b'{"detail": {"f7": "a", "f8": "b", "f1999": "a"}}') == ["rule1999"]


def test_a_path_that_is_a_value_here_and_an_object_there() -> None:
    index = RuleIndex()
    index.add("value", parse_pattern('{"a": ["x"]}'))
    index.add("below", parse_pattern('{"a": {"b": ["x"]}}'))
    assert index.match_json(b'{"a": "x"}') == ["value"]
    assert index.match_json(b'{"a": {"b": "x"}}') == ["below"]
    assert index.match_json(b'{"a": ["x", {"b": "x"}]}') == ["value", "below"]


@pytest.mark.parametrize("rules", [1, 3_000])
def test_long_arrays_in_two_fields(rules: int) -> None:
    """More combinations of values than are worth looking up one by one."""
    index = RuleIndex()
    for number in range(rules):
        index.add(f"rule{number}", parse_pattern(json.dumps({"a": [f"a{number}"], "b": [f"b{number}"]})))
    event = {
        "a": [f"a{number}" for number in range(0, 100, 2)],
        "b": [f"b{number}" for number in range(0, 100, 3)],
    }
    assert index.match_json(json.dumps(event).encode()) == [
        f"rule{number}" for number in range(0, min(rules, 100), 6)
    ]


def test_overlapping_rules_of_thousands() -> None:
    random, index, patterns = Random(5), RuleIndex(), {}
    for number in range(3_000):
        low = random.random()
        pattern = parse_pattern(
            json.dumps({"source": ["s"], "x": [{"numeric": [">", low, "<=", low + random.random() / 50]}]})
        )
        patterns[f"rule{number}"] = pattern
        index.add(f"rule{number}", pattern)
    for _ in range(20):
        event = {"source": "s", "x": random.random()}
        found = index.match_json(json.dumps(event).encode())
        assert found == [name for name, pattern in patterns.items() if matches(pattern, event)]
        assert found


def test_an_index_without_rules_costs_nothing() -> None:
    code = (
        "import sys; from nightbus.bus.index.rule_index import RuleIndex; index = RuleIndex();"
        "assert index.match_json(b'{}') == []; assert index.match({}) == []; sys.exit('msgspec' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_left_of_removed_rules() -> None:
    index, texts = (
        RuleIndex(),
        ['{"a": ["x"], "b": [{"prefix": "y"}]}', '{"c": [{"exists": false}], "d": [1, true]}'],
    )
    for number, text in enumerate(texts):
        index.add(f"rule{number}", parse_pattern(text))
    assert index.match_json(b'{"a": "x", "b": "yy", "d": true}') == ["rule0", "rule1"]
    for number in range(len(texts)):
        index.remove(f"rule{number}")
    assert index.match_json(b'{"a": "x", "b": "yy", "d": true}') == []
    empty = RuleIndex()
    assert (index._groups, index._others, index._rules, index._names) == (
        empty._groups,
        empty._others,
        empty._rules,
        empty._names,
    )
    assert not index._paths.slots and not index._paths.prefixes
