"""Does an explanation name the field, and the slip that kept the event from the rule?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from nightbus.bus.patterns import matches, parse_pattern
from nightbus.bus.patterns.explanation import Explanation, explain
from unit.bus.pattern_strategies import EVENTS, OBJECTS

EVENT: dict[str, Any] = {
    "source": "demo.order",
    "detail-type": "Order Created",
    "resources": [],
    "detail": {
        "count": 5,
        "digits": "5",
        "text": '{"a": 1}',
        "order": {"id": "x1"},
        "items": [{"sku": "a", "size": 1}, {"sku": "b", "size": 2}],
    },
}


def told(pattern: Any) -> Explanation:
    found = explain(parse_pattern(json.dumps(pattern)), EVENT)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("pattern", "path", "hint"),
    [
        ({"source": ["demo.orders"]}, "source", '"demo.order" is one character short of the rule\'s value'),
        ({"source": ["demo.orde"]}, "source", "one character longer than"),
        ({"source": ["demo.0rder"]}, "source", "one character different from"),
        ({"source": ["demo.oredr"]}, "source", "two swapped characters"),
        ({"source": ["Demo.Order"]}, "source", "only in case"),
        ({"source": [" demo.order"]}, "source", "white space"),
        ({"detail": {"count": ["5"]}}, "detail.count", "5 is a number, the rule wants a string"),
        ({"detail": {"digits": [5]}}, "detail.digits", '"5" is a string, the rule wants a number'),
        ({"source": ["Order Created"]}, "source", "the rule's value is in detail-type, not in source"),
        (
            {"order": {"id": ["x1"]}},
            "order.id",
            "the field is missing, and the rule's value is in detail.order.id",
        ),
        ({"detail": {"order": ["x1"]}}, "detail.order", "deeper, in detail.order.id"),
        ({"detail": {"order": [{"exists": True}]}}, "detail.order", "is an object"),
        ({"detail": {"text": {"a": [2]}}}, "detail.text.a", "detail.text is no object"),
        ({"detail": {"text": {"a": [2]}}}, "detail.text.a", "holds its JSON as a text"),
        ({"detail": {"coumt": [9]}}, "detail.coumt", "the event has detail.count"),
        ({"detail": {"Count": [9]}}, "detail.Count", "detail.count, which differs only in case"),
        ({"nothing": [{"exists": True}]}, "nothing", "the event has no such field"),
        ({"resources": [{"exists": True}]}, "resources", "resources is empty"),
        ({"source": [{"prefix": "Demo"}]}, "source", "begins with the rule's prefix but for case"),
        ({"source": [{"prefix": "order"}]}, "source", "has the rule's prefix in it"),
        ({"source": [{"suffix": ".orders"}]}, "source", "does not end with the rule's suffix"),
        ({"source": [{"wildcard": "DEMO.*"}]}, "source", "fits the rule's wildcard but for case"),
        ({"detail": {"count": [{"numeric": [">", 5]}]}}, "detail.count", "the bound itself"),
        ({"detail": {"count": [{"numeric": [">", 7]}]}}, "detail.count", "below the rule's lower bound by 2"),
        (
            {"detail": {"count": [{"numeric": ["<=", 4.5]}]}},
            "detail.count",
            "above the rule's upper bound by 0.5",
        ),
        ({"detail": {"digits": [{"numeric": ["=", 5]}]}}, "detail.digits", "numeric looks at numbers only"),
        (
            {"source": [{"anything-but": "demo.order"}]},
            "source",
            "is one of the values that the rule excludes",
        ),
        ({"source": [{"anything-but": {"prefix": "demo"}}]}, "source", "begins with what the rule excludes"),
        ({"source": [{"anything-but": {"suffix": "order"}}]}, "source", "ends with what the rule excludes"),
        (
            {"source": [{"anything-but": {"wildcard": "d*r"}}]},
            "source",
            "fits a wildcard that the rule excludes",
        ),
        (
            {"source": [{"anything-but": {"equals-ignore-case": "DEMO.order"}}]},
            "source",
            "is, but for case, one of the values that the rule excludes",
        ),
        ({"source": [{"exists": False}]}, "source", "wants the field absent"),
        ({"source": [{"cidr": "10.0.0.0/8"}]}, "source", "no IP address"),
        ({"detail": {"items": {"sku": ["a"], "size": [2]}}}, "detail.items.sku", "the same element"),
        ({"source": ["other"], "detail": {"count": [6]}}, "source", "another value"),
    ],
)
def test_near_misses(pattern: Any, path: str, hint: str) -> None:
    found = told(pattern)
    assert found.path == path
    assert hint in found.hint


def test_the_branch_of_an_or_that_came_nearest() -> None:
    near = {"source": ["demo.order"], "detail-type": ["Order Creatde"]}
    found = told({"$or": [{"source": ["a"], "detail-type": ["b"]}, near]})
    assert (found.path, found.wanted) == ("detail-type", ('"Order Creatde"',))


def test_values_and_wishes() -> None:
    found = told({"detail": {"items": {"sku": ["c", {"prefix": "d"}]}}})
    assert found.actual == ("a", "b")
    assert found.wanted == ('"c"', '{"prefix":"d"}')


def test_an_event_that_matches_has_no_explanation() -> None:
    assert explain(parse_pattern('{"source": ["demo.order"]}'), EVENT) is None


@settings(max_examples=500)
@given(OBJECTS, EVENTS)
def test_there_is_an_explanation_exactly_when_there_is_no_match(rule: Any, event: Any) -> None:
    pattern = parse_pattern(json.dumps(rule))
    assert (explain(pattern, event) is None) is matches(pattern, event)


def test_a_field_that_should_be_absent_said_twice() -> None:
    found = explain(parse_pattern('{"source": [{"exists": false}, {"exists": false}]}'), {"source": "a"})
    assert found is not None
    assert "the rule wants the field absent" in found.hint
