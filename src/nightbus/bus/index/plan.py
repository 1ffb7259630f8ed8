"""Decides which fields find a branch of a rule, and which are checked after it was found.

Exact values come first: together they are one key of a dictionary. The most selective other field finds the branch
among those with the same key. The remaining fields are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from nightbus.bus.patterns import matchers
from nightbus.bus.patterns.matchers import Exact, Literal, Matcher, Number, Numeric
from nightbus.bus.patterns.rule import Branch, Field

# With more combinations of exact values than this, fields are not combined into one key.
MOST_KEYS = 64

Value = str | float | bool | None

# The rank of a kind of matcher: one that is likely to accept fewer values comes first.
CHOOSINESS: dict[type[Matcher], int] = {
    Exact: 0,
    Number: 0,
    Literal: 0,
    matchers.IpAddress: 0,
    matchers.IgnoreCase: 1,
    matchers.Suffix: 2,
    matchers.Prefix: 2,
    matchers.SuffixIgnoreCase: 2,
    matchers.PrefixIgnoreCase: 2,
    matchers.Wildcard: 3,
    matchers.Cidr: 4,
    Numeric: 5,
    matchers.AnythingButMatching: 6,
    matchers.AnythingBut: 6,
    matchers.Exists: 7,
    matchers.Absent: 8,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How a branch is found. `keys` are the combinations of values at the paths of `exact`.

    In a key a number may equal a boolean, so fields with such values are among `checked` as well.
    """

    exact: tuple[str, ...]
    keys: tuple[tuple[Value, ...], ...]
    found_by: Field | None
    checked: tuple[Field, ...]


def plan(branch: Branch) -> Plan:
    exact: list[tuple[Field, tuple[Value, ...]]] = []
    others: list[Field] = []
    size = 1
    for field in sorted(branch, key=lambda field: len(field.matchers)):
        values = _exact_values(field)
        if values is not None and size * len(values) <= MOST_KEYS:
            size *= len(values)
            exact.append((field, values))
        else:
            others.append(field)
    exact.sort(key=lambda pair: pair[0].path)
    others.sort(key=_choosiness)
    return Plan(
        tuple(field.path for field, _ in exact),
        tuple(product(*(values for _, values in exact))),
        others[0] if others else None,
        (*(field for field, values in exact if not _only_texts(values)), *others[1:]),
    )


def _exact_values(field: Field) -> tuple[Value, ...] | None:
    values: dict[Value, None] = {}
    for matcher in field.matchers:
        if isinstance(matcher, Exact):
            values[matcher.text] = None
        elif isinstance(matcher, Literal) or (isinstance(matcher, Number) and matcher.value is not None):
            values[matcher.value] = None
        elif isinstance(matcher, Numeric) and matcher.low is not None and matcher.low == matcher.high:
            values[matcher.low] = None
        else:
            return None
    return tuple(values)


def _only_texts(values: tuple[Value, ...]) -> bool:
    return all(isinstance(value, str) for value in values)


def _choosiness(field: Field) -> int:
    return max(CHOOSINESS[type(matcher)] for matcher in field.matchers)
