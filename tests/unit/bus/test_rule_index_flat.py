"""Does the index find exactly what the plain evaluator finds, whatever rules come and go?

20,000 events are compared; NIGHTBUS_INDEX_CASES says another number.
"""

from __future__ import annotations

import os
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightbus.bus.index.rule_index import RuleIndex
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import InvalidPattern, Pattern, parse_pattern
from nightbus.bus.patterns.fields import leaves_of
from nightbus.bus.patterns.matching import branch_matches
from unit.bus.index_cases import RULES, event_text, pattern_text

CASES = int(os.environ.get("NIGHTBUS_INDEX_CASES", "20000"))
EVENTS_A_SET = 100


def _patterns(rules: list[dict[str, Any]]) -> dict[str, Pattern]:
    patterns = {}
    for number, rule in enumerate(rules):
        try:
            patterns[f"rule{number}"] = parse_pattern(pattern_text(rule))
        except InvalidPattern:
            continue
    return patterns


def _expected(patterns: dict[str, Pattern], event: Any) -> list[str]:
    leaves = leaves_of(event)
    return [
        name
        for name, pattern in patterns.items()
        if any(branch_matches(branch, leaves) for branch in pattern.branches)
    ]


@settings(
    max_examples=max(1, CASES // EVENTS_A_SET),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(RULES, min_size=1, max_size=8), st.integers(0, 2**32))
def test_the_index_agrees_with_the_plain_evaluator(rules: list[dict[str, Any]], seed: int) -> None:
    known = _patterns(rules)
    random, index = Random(seed), RuleIndex()
    there: dict[str, Pattern] = {}
    for number in range(EVENTS_A_SET):
        if number % 10 == 0:
            _change(random, index, known, there)
        branches = [branch for pattern in there.values() for branch in pattern.branches]
        text = event_text(random, branches, arrays=random.choice([0, 0, 0.1, 0.4]))
        event = parse_json(text)
        expected = _expected(there, event)
        assert index.match_json(text.encode()) == expected, text
        assert index.match(event) == expected, text


def _change(random: Random, index: RuleIndex, known: dict[str, Pattern], there: dict[str, Pattern]) -> None:
    """Some rules go, some come, some get another's pattern."""
    for name, pattern in known.items():
        chance = random.random()
        if chance < 0.2:
            index.remove(name)
            there.pop(name, None)
        elif chance < 0.3:
            pattern = random.choice(list(known.values()))
            index.add(name, pattern)
            there[name] = pattern
        elif name not in there:
            index.add(name, pattern)
            there[name] = pattern
