"""Does the index find exactly the rules that match, in the order in which they were added?"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.bus.index import RuleIndex
from nightbus.bus.patterns import matches, parse_pattern
from unit.bus.pattern_strategies import EVENTS, OBJECTS


@settings(max_examples=2_000, deadline=None)
@given(st.lists(OBJECTS, min_size=1, max_size=4), EVENTS)
def test_the_index_agrees_with_matches(rules: list[dict[str, Any]], event: dict[str, Any]) -> None:
    patterns = {f"rule{index}": parse_pattern(json.dumps(rule)) for index, rule in enumerate(rules)}
    index = RuleIndex()
    for name, pattern in patterns.items():
        index.add(name, pattern)
    assert index.match(event) == [name for name, pattern in patterns.items() if matches(pattern, event)]
    gone = next(iter(patterns))
    index.remove(gone)
    assert index.match(event) == [
        name for name, pattern in patterns.items() if name != gone and matches(pattern, event)
    ]


def test_a_rule_that_is_put_again_keeps_its_place() -> None:
    index = RuleIndex()
    first, second = parse_pattern('{"source": ["a"]}'), parse_pattern('{"source": [{"prefix": ""}]}')
    index.add("one", first)
    index.add("two", second)
    index.add("one", second)
    assert index.match({"source": "b"}) == ["one", "two"]
    index.remove("nobody")
    index.remove("two")
    assert index.match({"source": "b"}) == ["one"]


def test_a_rule_of_many_exact_values() -> None:
    index = RuleIndex()
    texts = [f"s{number}" for number in range(400)]
    index.add("many", parse_pattern(json.dumps({"source": texts})))
    assert index.match({"source": "s399"}) == ["many"]
    assert index.match({"source": "s400"}) == []
