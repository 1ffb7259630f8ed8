"""Parses a pattern's text: fields, value lists and `$or`; `operators` parses the match expressions.

It uses a stack of its own, so no nesting is too deep. As on AWS, the text after the closing brace is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from nightbus.bus.errors import InvalidPattern, utf16_length
from nightbus.bus.numbers import comparable
from nightbus.bus.patterns import complexity
from nightbus.bus.patterns.addresses import parse_address
from nightbus.bus.patterns.matchers import Exact, IpAddress, Literal, Matcher, Number, Wildcard
from nightbus.bus.patterns.operators import OPERATORS, parse_expression
from nightbus.bus.patterns.rule import Branch, Field, Pattern
from nightbus.bus.tokens import Token, Tokens

LONGEST = 4_096
MOST_BRANCHES = 1_000
MOST_PATHS = 256

RESERVED = frozenset(OPERATORS) | {
    *("=", "<", "<=", ">", ">="),
    *("regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
}
TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)
LITERALS = {Token.TRUE: True, Token.FALSE: False, Token.NULL: None}

Alternative = dict[str, tuple[Matcher, ...]]  # by path


def parse_pattern(text: str, longest: int = LONGEST) -> Pattern:
    """Parse a pattern of at most `longest` characters. Raises InvalidPattern with AWS's message."""
    if utf16_length(text) > longest:
        raise InvalidPattern(f"Event pattern must have length less than or equal to {longest}", text)
    tokens = Tokens(text)
    alternatives = _Structure(tokens).read()
    if any(len(alternative) > MOST_PATHS for alternative in alternatives):
        raise InvalidPattern(f"Size of rule exceeds max value of {MOST_PATHS}", text)
    # Equal fields of several alternatives share one object, so that a thousand alternatives need little memory.
    fields: dict[tuple[str, int], Field] = {}
    branches = tuple(
        tuple(
            fields.setdefault((path, id(matchers)), Field(path, matchers))
            for path, matchers in sorted(alternative.items())
        )
        for alternative in alternatives
    )
    if _too_complex(branches):
        raise InvalidPattern(TOO_COMPLEX, text)
    return Pattern(text, branches)


@dataclass(slots=True)
class _Object:
    """An object that is being parsed: its path, and whether it has had a field."""

    path: str | None  # None for the pattern itself
    in_or: bool
    closes_or_branch: bool = False
    empty: bool = True

    def path_of(self, name: str) -> str:
        return name if self.path is None else f"{self.path}.{name}"


@dataclass(slots=True)
class _Or:
    """A `$or` that is being parsed: the alternatives before it, and those that its branches have made of them."""

    path: str | None
    before: list[Alternative]
    made: list[Alternative]
    branches: int = 0


class _Structure:
    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._alternatives: list[Alternative] = []
        self._stack: list[_Object | _Or] = []

    def read(self) -> list[Alternative]:
        if self._tokens.next() is not Token.START_OBJECT:
            self._tokens.refuse("Filter is not an object")
        self._stack.append(_Object(None, in_or=False))
        while self._stack:
            inner = self._stack[-1]
            if isinstance(inner, _Or):
                self._or_element(inner)
            else:
                self._object_field(inner)
        return self._alternatives

    def _object_field(self, inner: _Object) -> None:
        tokens = self._tokens
        if tokens.next() is Token.END_OBJECT:
            if inner.empty:
                tokens.refuse("Empty objects are not allowed")
            self._stack.pop()
            if inner.closes_or_branch:
                self._or_branch_done()
            return
        inner.empty = False
        name = tokens.name
        if name == "$or":
            self._begin_or(inner)
            return
        if inner.in_or and name in RESERVED:
            tokens.refuse(f"{name} is Ruler reserved fieldName which cannot be used inside $or.")
        token = tokens.next()
        if token is Token.START_OBJECT:
            self._stack.append(_Object(inner.path_of(name), inner.in_or))
        elif token is Token.START_ARRAY:
            self._put(inner.path_of(name), self._values())
        else:
            tokens.refuse(f'"{name}" must be an object or an array')

    def _begin_or(self, inner: _Object) -> None:
        if self._tokens.next() is not Token.START_ARRAY:
            self._tokens.refuse("It must be an Array followed with $or.")
        self._stack.append(_Or(inner.path, before=self._alternatives or [{}], made=[]))

    def _or_element(self, inner: _Or) -> None:
        token = self._tokens.next()
        if token is Token.END_ARRAY:
            if inner.branches < 2:
                self._tokens.refuse("There must have at least 2 Objects in $or relationship.")
            self._stack.pop()
            self._alternatives = inner.made
            return
        if token is not Token.START_OBJECT:
            self._tokens.refuse("Only JSON object is allowed in array of $or relationship.")
        inner.branches += 1
        self._alternatives = [dict(alternative) for alternative in inner.before]
        self._stack.append(_Object(inner.path, in_or=True, closes_or_branch=True))

    def _or_branch_done(self) -> None:
        outer = self._stack[-1]
        if isinstance(outer, _Or):
            outer.made += self._alternatives
            if len(outer.made) > MOST_BRANCHES:
                self._tokens.refuse_without_position(TOO_COMPLEX)

    def _put(self, path: str, matchers: tuple[Matcher, ...]) -> None:
        if not self._alternatives:
            self._alternatives.append({})
        for alternative in self._alternatives:
            alternative[path] = matchers

    def _values(self) -> tuple[Matcher, ...]:
        values: list[Matcher] = []
        while (token := self._tokens.next()) is not Token.END_ARRAY:
            values.append(self._value(token))
        if not values:
            self._tokens.refuse("Empty arrays are not allowed")
        return tuple(values)

    def _value(self, token: Token) -> Matcher:
        if token is Token.START_OBJECT:
            return parse_expression(self._tokens)
        if token is Token.STRING:
            text = self._tokens.text()
            address = parse_address(text)
            return Exact(text) if address is None else IpAddress(text, address)
        if token is Token.NUMBER:
            return Number(self._tokens.text(), comparable(self._tokens.text()))
        if token in LITERALS:
            return Literal(LITERALS[token])
        self._tokens.refuse("Match value must be String, number, true, false, or null")


def _too_complex(branches: tuple[Branch, ...]) -> bool:
    """Return whether wildcards are too complex. Fields after the same conditions share one matcher on AWS, so their
    wildcards count together."""
    wildcards: dict[tuple[int, str], set[tuple[str, ...]]] = {}
    states: dict[tuple[int, int], int] = {}
    for branch in branches:
        state = 0
        for item in branch:
            parts = {matcher.parts for matcher in item.matchers if isinstance(matcher, Wildcard)}
            if parts:
                wildcards.setdefault((state, item.path), set()).update(parts)
            state = states.setdefault((state, id(item)), len(states) + 1)
    return any(complexity.score(parts) > complexity.LIMIT for parts in wildcards.values())
