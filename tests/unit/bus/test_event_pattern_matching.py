"""Does each operator accept what event-ruler accepts, and do arrays agree on their elements?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import matches, parse_pattern

LONG_ID = "123456789012345678"


def fits(pattern: Any, event: Any) -> bool:
    """Both as JSON texts or values; the event's numbers keep their text."""
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    return matches(parse_pattern(text), parse_json(event if isinstance(event, str) else json.dumps(event)))


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ("null", "null", True),
        ("null", '"null"', False),
        ("true", "true", True),
        ("true", '"true"', False),
        ("true", "1", False),
        ("1", "true", False),
        ('""', '""', True),
        ('""', '"x"', False),
        ("1", "1.0", True),
        ("1e0", "1", True),
        ("-0", "0", True),
        ("300", "3.0e2", True),
        ("0.1", "0.1", True),
        ("1", '"1"', False),
        (LONG_ID, LONG_ID, True),
        (LONG_ID, "123456789012345679", False),
        (LONG_ID, f"{LONG_ID}.0", False),
        ("1e400", "1e400", True),
        ("1e400", "10e399", False),
        ("9007199254740993", "9007199254740993", True),
        ("9007199254740993", "9007199254740992", False),
        ('{"numeric": [">", 0]}', LONG_ID, False),
        ('{"numeric": [">", 0]}', '"1"', False),
        ('{"numeric": [">", 0]}', "true", False),
        ('{"numeric": ["=", 3.018e2]}', "301.8", True),
        ('{"numeric": [">=", 1, "<", 2]}', "1", True),
        ('{"numeric": [">=", 1, "<", 2]}', "2", False),
        ('{"numeric": ["<=", 2]}', "-1e300", True),
        ('{"prefix": ""}', '"x"', True),
        ('{"prefix": ""}', "1", False),
        ('{"suffix": ""}', '""', True),
        ('{"prefix": "a\\""}', '"a"', False),
        ('{"wildcard": "a*a"}', '"a"', False),
        ('{"wildcard": "a*a"}', '"aa"', True),
        ('{"wildcard": "a*b*c"}', '"axbxbc"', True),
        ('{"wildcard": "a?c"}', '"abc"', False),
        ('{"wildcard": "a\\\\*c"}', '"a*c"', True),
        ('{"wildcard": "a\\\\*c"}', '"abc"', False),
        ('{"wildcard": ""}', '""', True),
        ('{"equals-ignore-case": "straße"}', '"STRASSE"', True),
        ('{"equals-ignore-case": "STRASSE"}', '"straße"', False),
        ('{"equals-ignore-case": "ς"}', '"Σ"', True),
        ('{"equals-ignore-case": "ς"}', '"σ"', False),
        ('{"equals-ignore-case": "𐐀"}', '"𐐨"', False),
        ('{"prefix": {"equals-ignore-case": "ß"}}', '"SSx"', True),
        ('{"suffix": {"equals-ignore-case": "ß"}}', '"xSS"', True),
        ('{"anything-but": ["a"]}', "null", True),
        ('{"anything-but": ["a"]}', "true", True),
        ('{"anything-but": [1]}', "1.0", False),
        ('{"anything-but": [1]}', "true", True),
        ('{"anything-but": [1]}', '"1"', True),
        ('{"anything-but": [1]}', LONG_ID, True),
        ('{"anything-but": {"prefix": []}}', '"x"', True),
        ('{"anything-but": {"equals-ignore-case": "Ab"}}', '"aB"', False),
        ('{"anything-but": {"wildcard": ["a*", "*z"]}}', '"xyz"', False),
        ('{"anything-but": ["a", "b"]}', '["a", "c"]', True),
        ('{"anything-but": ["a", "b"]}', '["a", "b"]', False),
        ('{"anything-but": {"suffix": []}}', "1", True),
        ('{"anything-but": {"equals-ignore-case": []}}', '"x"', True),
        ('{"anything-but": {"wildcard": []}}', '"x"', True),
        ('{"anything-but": {"wildcard": ""}}', '"x"', True),
        ('{"anything-but": {"wildcard": ""}}', '""', False),
        ('{"anything-but": {"equals-ignore-case": ""}}', '""', False),
        ('{"anything-but": {"prefix": ["a", "b"]}}', '"bc"', False),
        ('{"anything-but": {"suffix": "c"}}', '"bc"', False),
        ('{"anything-but": {"suffix": "c"}}', "null", True),
        ('{"anything-but": "a"}, {"anything-but": "b"}', '"a"', True),  # several are alternatives
        ('{"anything-but": "a"}', "{}", False),
        ('{"anything-but": "a"}', "[]", False),
        ('{"exists": false}, "x"', '"x"', True),
        ('{"exists": false}, "x"', '"y"', False),
        ('{"exists": false}, {"numeric": [">", 1]}', "2", True),
        ('{"cidr": "::/127"}', '"::1"', True),
        ('{"cidr": "::/127"}', '"::2"', False),
        ('{"cidr": "10.0.0.1/31"}', '"10.0.0.0"', True),
        ('{"cidr": "0.0.0.0/0"}', '"255.255.255.255"', True),
        ('{"cidr": "::/0"}', '"1.2.3.4"', False),
        ('{"cidr": "10.0.0.77/24"}', '"10.0.0.1"', True),
        ('{"cidr": "10.0.0.0/24"}', '"10.0.1.0"', False),
        ('{"cidr": "0.0.0.0/0"}', '"::1"', False),
        ('{"cidr": "10.0.0.0/8"}', '"::ffff:a00:1"', False),
        ('{"cidr": "2001:db8::/32"}', '"2001:0DB8::1"', True),
        ('"10.0.0.1"', '"010.0.0.1"', True),
        ('{"exactly": "10.0.0.1"}', '"010.0.0.1"', False),
        ('"2001:db8::1"', '"2001:0db8:0:0:0:0:0:1"', True),
        ('{"exists": true}', "null", True),
        ('{"exists": true}', '""', True),
        ('{"exists": true}', "{}", False),
        ('{"exists": true}', "[]", False),
        ('{"exists": true}', "[{}]", False),
        ('{"exists": true}', '{"b": 1}', False),
        ('{"exists": false}', '{"b": 1}', True),
        ('{"exists": false}', "[]", True),
    ],
)
def test_one_value(matcher: str, value: str, expected: bool) -> None:
    assert fits(f'{{"a": [{matcher}]}}', f'{{"a": {value}}}') is expected


def test_a_path_and_a_dotted_name_are_the_same() -> None:
    assert fits({"a": {"b": [1]}}, {"a.b": 1})
    assert fits({"a.b": [1]}, {"a": {"b": 1}})
    assert fits({"a.b": {"c": [1]}}, {"a": {"b.c": 1}})


def test_the_last_of_a_path_stands() -> None:
    assert not fits('{"a": [1], "a": [2]}', {"a": 1})
    assert fits('{"a": {"b": [1]}, "a.b": [2]}', {"a": {"b": 2}})


def test_what_follows_the_pattern_is_not_read() -> None:
    assert fits('{"a": [1]} and more', {"a": 1})


@pytest.mark.parametrize(
    ("event", "expected"),
    [({"a": 1}, True), ({"b": 1, "c": 1}, True), ({"b": 1}, False), ({"c": 1}, False)],
)
def test_or(event: Any, expected: bool) -> None:
    assert fits({"$or": [{"a": [1]}, {"b": [1], "c": [1]}]}, event) is expected


def test_or_inside_or() -> None:
    pattern = {"$or": [{"$or": [{"a": [1]}, {"b": [1]}], "c": [1]}, {"d": {"$or": [{"a": [2]}, {"b": [2]}]}}]}
    assert fits(pattern, {"b": 1, "c": 1})
    assert fits(pattern, {"d": {"b": 2}})
    assert not fits(pattern, {"b": 1})
    assert not fits(pattern, {"d": {"b": 1}, "c": 1})


def test_a_field_that_is_not_there_is_no_value() -> None:
    for matcher in ({"anything-but": "a"}, {"prefix": ""}, {"wildcard": "*"}, {"exists": True}, None):
        assert not fits({"a": [matcher]}, {"b": 1})


def test_or_and_its_siblings_multiply() -> None:
    pattern = '{"x": [1], "d": {"$or": [{"a": [1]}, {"a": [2]}], "b": [1]}, "$or": [{"p": [1]}, {"q": [1]}]}'
    assert fits(pattern, {"x": 1, "d": {"a": 2, "b": 1}, "q": 1})
    assert not fits(pattern, {"x": 1, "d": {"a": 2, "b": 1}})
    assert not fits(pattern, {"x": 1, "d": {"a": 3, "b": 1}, "q": 1})


def test_a_sibling_behind_an_or_overrides_it_and_one_before_is_overridden() -> None:
    assert fits('{"$or": [{"a": [1]}, {"a": [2]}], "a": [3]}', {"a": 3})
    assert not fits('{"$or": [{"a": [1]}, {"a": [2]}], "a": [3]}', {"a": 1})
    assert fits('{"a": [3], "$or": [{"a": [1]}, {"b": [2]}]}', {"a": 1})
    assert fits('{"a": [3], "$or": [{"a": [1]}, {"b": [2]}]}', {"a": 3, "b": 2})


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1, "b": 2}]}, True),
        ({"l": {"a": [1], "b": [2]}}, {"l": [{"a": 1}, {"b": 2}]}, False),
        ({"l": {"a": [1], "b": [2]}}, {"l": [[{"a": 1}], [{"b": 2}]]}, False),
        ({"l": {"a": [1], "b": [2]}}, {"l": [[{"a": 1}, {"a": 1, "b": 2}]]}, True),
        ({"l": {"a": [1]}, "m": {"b": [2]}}, {"l": [{}, {"a": 1}], "m": [{"b": 2}]}, True),
        ({"l": [1], "m": [2]}, {"l": [1, 2], "m": [1, 2]}, True),
        ({"l": {"a": [1, 2]}}, {"l": {"a": [3, [2]]}}, True),
        (
            {"l": {"m": {"a": [1], "b": [2]}, "c": [3]}},
            {"l": [{"c": 3, "m": [{"a": 1}]}, {"m": [{"a": 1, "b": 2}]}]},
            False,
        ),
        (
            {"l": {"m": {"a": [1], "b": [2]}, "c": [3]}},
            {"l": [{"c": 4}, {"c": 3, "m": [{"a": 1}, {"a": 1, "b": 2}]}]},
            True,
        ),
        ({"l": {"a": ["1"], "b": [{"exists": False}]}}, {"l": [{"a": "1"}, {"b": "2"}]}, True),
        ({"l": {"b": ["1"], "a": [{"exists": False}]}}, {"l": [{"b": "1"}, {"a": "2"}]}, False),
        ({"l": {"a": [1], "b": [{"exists": False}, 2]}}, {"l": [{"a": 1, "b": 2}]}, True),
        ({"l": {"a": [1], "b": [{"exists": False}, 2]}}, {"l": [{"a": 1, "b": 3}]}, False),
    ],
)
def test_arrays(pattern: Any, event: Any, expected: bool) -> None:
    assert fits(pattern, event) is expected


def test_large_arrays_take_no_search() -> None:
    rows = [{"a": index, "b": -index, "c": {"d": [{"e": index}] * 3}} for index in range(3_000)]
    pattern = {"x": {"a": [{"exists": True}], "b": [-1], "c": {"d": {"e": [2]}}}, "y": {"a": [7], "b": [-8]}}
    assert not fits(pattern, {"x": rows, "y": rows})
