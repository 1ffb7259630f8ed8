"""Do rules keep their places in the index? That it agrees with the plain evaluator is test_rule_index_flat.py's."""

from __future__ import annotations

import json

from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.patterns import parse_pattern


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
