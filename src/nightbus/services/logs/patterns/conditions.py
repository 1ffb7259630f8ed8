"""Parses the conditions of JSON and space-delimited filter patterns: comparisons joined by `&&`, `||` and parentheses.

A subject is what a comparison is about: a selector such as `$.a.b`, or the name of a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from nightbus.services.logs.patterns.operands import OPERATORS, Operand, compare, invalid_pattern

Lookup = Callable[
    [str], Sequence[Any]
]  # the values of a subject, of which there are none where it is missing
Condition = Callable[[Lookup], bool]

_DEEPEST = 50
_SELECTOR = r"\$(?:\.?\[(?:\d+|\*|'[^']*'|\"[^\"]*\")\]|\.(?:[\w-]+|\*))+"
_TOKEN = re.compile(
    rf'\s*(&&|\|\||<=|>=|!=|[()=<>,]|"(?:[^"\\]|\\.)*"|%[^%]*%|{_SELECTOR}|[^\s()&|=<>!",%\[\]{{}}]+)'
)
_STATES: dict[tuple[str, str], Callable[[Sequence[Any]], bool]] = {
    ("IS", "NULL"): lambda values: any(value is None for value in values),
    ("IS", "TRUE"): lambda values: any(value is True for value in values),
    ("IS", "FALSE"): lambda values: any(value is False for value in values),
    ("NOT", "EXISTS"): lambda values: not values,
}


def tokens_of(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid_pattern()
        found.append(match[1])
        at = match.end()
    return found


class ConditionParser:
    """Parses tokens. `subjects` are those that it met, in their order.

    `is_subject` says what may stand on the left of an operator; `states` whether `IS NULL` and its like may follow;
    `text_numbers` whether a text of digits is a number.
    """

    def __init__(
        self, tokens: Sequence[str], is_subject: Callable[[str], bool], *, states: bool, text_numbers: bool
    ) -> None:
        self.subjects: list[str] = []
        self._tokens = tokens
        self._at = 0
        self._is_subject = is_subject
        self._states = states
        self._text_numbers = text_numbers

    def parse(self) -> Condition:
        condition = self._either(0)
        if self._at != len(self._tokens):
            raise invalid_pattern()
        return condition

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _joined(self, sign: str, part: Callable[[], Condition]) -> list[Condition]:
        parts = [part()]
        while self._peek() == sign:
            self._at += 1
            parts.append(part())
        return parts

    def _either(self, depth: int) -> Condition:
        parts = self._joined("||", lambda: self._both(depth))
        return parts[0] if len(parts) == 1 else lambda lookup: any(part(lookup) for part in parts)

    def _both(self, depth: int) -> Condition:
        parts = self._joined("&&", lambda: self._one(depth))
        return parts[0] if len(parts) == 1 else lambda lookup: all(part(lookup) for part in parts)

    def _one(self, depth: int) -> Condition:
        if self._peek() != "(":
            return self._comparison()
        self._at += 1
        inner = self._either(depth + 1) if depth < _DEEPEST else None
        if inner is None or self._next() != ")":
            raise invalid_pattern()
        return inner

    def _comparison(self) -> Condition:
        subject, sign, right = self._next(), self._next(), self._next()
        if not self._is_subject(subject):
            raise invalid_pattern()
        self.subjects.append(subject)
        state = _STATES.get((sign.upper(), right.upper())) if self._states else None
        if state is not None:
            return lambda lookup: state(lookup(subject))
        if sign not in OPERATORS or not right or right in OPERATORS or right in ("(", ")", "&&", "||", ","):
            raise invalid_pattern()
        operand = Operand.parse(right)
        if sign not in ("=", "!=") and operand.number is None:
            raise invalid_pattern()
        text_numbers = self._text_numbers
        return lambda lookup: any(compare(sign, operand, value, text_numbers) for value in lookup(subject))
