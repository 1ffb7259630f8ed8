"""Which of many rules does an event match?

Rules are found by the exact values of `source` and `detail-type` that they ask for; those found are then verified one
by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from nightbus.bus.fields import leaves_of
from nightbus.bus.json_text import parse_json
from nightbus.bus.matchers import Exact
from nightbus.bus.matching import branch_matches
from nightbus.bus.rule import Branch, Pattern

KEYS = ("source", "detail-type")
# Beyond that many combinations a rule is looked at for every event instead.
MOST_ENTRIES = 256

Key = tuple[str | None, ...]  # per path of KEYS the exact value, None for any


class RuleIndex:
    """Answers as `matches` would for each rule, in the order in which the rules were first added."""

    def __init__(self) -> None:
        self._rules: dict[str, Pattern] = {}
        self._order: dict[str, int] = {}
        self._added = 0
        self._found_by: dict[Key, set[str]] = {}

    def add(self, name: str, pattern: Pattern) -> None:
        """A rule that is there already gets the new pattern and keeps its place."""
        if name in self._rules:
            self._forget_keys(name)
        else:
            self._order[name] = self._added
            self._added += 1
        self._rules[name] = pattern
        for key in _keys(pattern):
            self._found_by.setdefault(key, set()).add(name)

    def remove(self, name: str) -> None:
        if name in self._rules:
            self._forget_keys(name)
            del self._rules[name], self._order[name]

    def match_json(self, data: bytes) -> list[str]:
        """The same for the event whose JSON text this is: a valid object in UTF-8."""
        return self.match(parse_json(data.decode()))

    def match(self, event: Mapping[str, Any]) -> list[str]:
        names: set[str] = set()
        for key in product(*([None, *_strings(event.get(path))] for path in KEYS)):
            names |= self._found_by.get(key, set())
        candidates = sorted(names, key=self._order.__getitem__)
        if not candidates:
            return []
        prefixes = frozenset[str]().union(*(self._rules[name].prefixes for name in candidates))
        leaves = leaves_of(event, prefixes)
        return [
            name
            for name in candidates
            if any(branch_matches(branch, leaves) for branch in self._rules[name].branches)
        ]

    def _forget_keys(self, name: str) -> None:
        for key in _keys(self._rules[name]):
            names = self._found_by[key]
            names.discard(name)
            if not names:
                del self._found_by[key]


def _keys(pattern: Pattern) -> set[Key]:
    keys: set[Key] = set()
    for branch in pattern.branches:
        values = [_exact_values(branch, path) for path in KEYS]
        if len(values[0]) * len(values[1]) > MOST_ENTRIES:
            return {(None,) * len(KEYS)}
        keys.update(product(*values))
        if len(keys) > MOST_ENTRIES:
            return {(None,) * len(KEYS)}
    return keys


def _exact_values(branch: Branch, path: str) -> list[str | None]:
    """The strings of which the event must have one at the path; [None] when other values may do."""
    for item in branch:
        if item.path == path:
            texts = [matcher.text for matcher in item.matchers if isinstance(matcher, Exact)]
            return [*texts] if len(texts) == len(item.matchers) else [None]
    return [None]


def _strings(value: Any) -> Iterable[str]:
    """The event's strings at a path, wherever arrays hide them."""
    rest, found = [value], set()
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            found.add(item)
        elif isinstance(item, (list, tuple)):
            rest.extend(item)
    return found
