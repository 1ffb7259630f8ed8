"""Which of many rules does an event match?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.bus.patterns import Pattern, matches


class RuleIndex:
    """Answers as `matches` would for each rule, in the order in which the rules were added."""

    def __init__(self) -> None:
        self._rules: dict[str, Pattern] = {}

    def add(self, name: str, pattern: Pattern) -> None:
        self._rules[name] = pattern

    def remove(self, name: str) -> None:
        self._rules.pop(name, None)

    def match(self, event: Mapping[str, Any]) -> list[str]:
        return [name for name, pattern in self._rules.items() if matches(pattern, event)]
