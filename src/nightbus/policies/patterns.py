"""Compiles the patterns of policies: texts with wildcards and with variables such as `${aws:username}`.

A pattern is compiled once, and compared with many requests. `*` stands for any text, `?` for any one character.
Variables exist in policies of the version 2012-10-17; the value of a variable is taken as it is, so that a `*` in a
user's tag is not a wildcard. `${*}`, `${?}` and `${$}` are these characters. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html

A pattern with a variable that the request has no value for matches nothing. Where that would be to the caller's
advantage (a `NotResource` or a `StringNotEquals` of an Allow), `unresolved` lets the statement not apply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from nightbus.aws.wildcards import compiled, compiled_parts, matches
from nightbus.policies.keys import reader, value_of
from nightbus.policies.request import AccessRequest

Match = Callable[[str, AccessRequest], bool]
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULT = re.compile(r"\s*([^\s,']+)\s*,\s*'([^']*)'\s*")
_SPECIAL = ("*", "?", "$")
_MOST_VALUES = 256  # remembered for one pattern


class Variable(NamedTuple):
    key: str  # in lower case
    default: str | None = None

    def value(self, request: AccessRequest) -> str | None:
        """Return the request's value, the default if it has none, None without either. Several values are none."""
        value = value_of(request, self.key)
        return value if isinstance(value, str) and value else self.default


class Patterns(NamedTuple):
    """The patterns of one element. `variables` are those without a default."""

    match: Match
    variables: tuple[Variable, ...] = ()

    def unresolved(self, request: AccessRequest) -> bool:
        """Return whether the request has no value for one of the variables."""
        return any(one.value(request) is None for one in self.variables)


def any_like(patterns: Iterable[str], *, variables: bool) -> Patterns:
    """Return the match of texts that are like one of the patterns, wildcards included."""
    return _any_of(patterns, variables, wildcards=True, fold=False)


def any_equal(texts: Iterable[str], *, variables: bool, fold: bool = False) -> Patterns:
    """Return the match of texts that equal one of `texts`; `fold` ignores case."""
    return _any_of(texts, variables, wildcards=False, fold=fold)


def _any_of(patterns: Iterable[str], variables: bool, *, wildcards: bool, fold: bool) -> Patterns:
    exact: set[str] = set()
    wild: list[Callable[[str], bool]] = []
    filled: list[Match] = []
    needed: list[Variable] = []
    for pattern in patterns:
        pieces = pieces_of(pattern) if variables and "${" in pattern else [_Marked(pattern)]
        if any(isinstance(one, Variable) for one in pieces):
            filled.append(_filled(pieces, wildcards=wildcards, fold=fold))
            needed += [one for one in pieces if isinstance(one, Variable) and one.default is None]
        elif wildcards and any("*" in one.wild or "?" in one.wild for one in _texts(pieces)):
            wild.append(_like(pieces))
        else:
            text = "".join(one.text for one in _texts(pieces))
            exact.add(text.lower() if fold else text)
    return Patterns(_match(frozenset(exact), tuple(wild), tuple(filled), fold), tuple(dict.fromkeys(needed)))


class _Marked(NamedTuple):
    """A literal text, and the part of it whose wildcards count: the whole, or nothing for `${*}`."""

    text: str
    literal: bool = False

    @property
    def wild(self) -> str:
        return "" if self.literal else self.text


def pieces_of(pattern: str) -> list[_Marked | Variable]:
    """Return the texts and variables of a pattern, in their order."""
    pieces: list[_Marked | Variable] = []
    at = 0
    for found in _VARIABLE.finditer(pattern):
        if found.start() > at:
            pieces.append(_Marked(pattern[at : found.start()]))
        at = found.end()
        pieces.append(_piece(found[1]))
    if at < len(pattern):
        pieces.append(_Marked(pattern[at:]))
    return pieces


def _piece(name: str) -> _Marked | Variable:
    if name in _SPECIAL:
        return _Marked(name, literal=True)
    default = _DEFAULT.fullmatch(name)
    return Variable(default[1].lower(), default[2]) if default else Variable(name.strip().lower())


def _texts(pieces: Sequence[_Marked | Variable]) -> list[_Marked]:
    return [one for one in pieces if isinstance(one, _Marked)]


def _like(pieces: Sequence[_Marked | Variable]) -> Callable[[str], bool]:
    texts = _texts(pieces)
    if len(texts) == 1:
        return compiled(texts[0].text)
    parts = compiled_parts([(one.text, one.literal) for one in texts])
    return lambda text: matches(parts, text)


def _filled(pieces: Sequence[_Marked | Variable], *, wildcards: bool, fold: bool) -> Match:
    """Return the match of a pattern with variables, which is compiled once for each set of values, up to a bound."""
    readers = [(reader(one.key), one.default) for one in pieces if isinstance(one, Variable)]
    compiled_for: dict[tuple[str, ...], Callable[[str], bool]] = {}

    def match(text: str, request: AccessRequest) -> bool:
        values = []
        for read, default in readers:
            value = read(request)
            chosen = value if value and isinstance(value, str) else default
            if chosen is None:
                return False
            values.append(chosen)
        key = tuple(values)
        found = compiled_for.get(key)
        if found is None:
            if len(compiled_for) >= _MOST_VALUES:
                compiled_for.clear()
            found = compiled_for[key] = _with_values(pieces, key, wildcards, fold)
        return found(text)

    return match


def _with_values(
    pieces: Sequence[_Marked | Variable], values: Sequence[str], wildcards: bool, fold: bool
) -> Callable[[str], bool]:
    left = iter(values)
    texts = [(one.text, one.literal) if isinstance(one, _Marked) else (next(left), True) for one in pieces]
    if wildcards and any(not literal and ("*" in text or "?" in text) for text, literal in texts):
        parts = compiled_parts(texts)
        return lambda text: matches(parts, text)
    whole = "".join(text for text, _ in texts)
    folded = whole.lower()
    return (lambda text: text.lower() == folded) if fold else whole.__eq__


def _match(
    exact: frozenset[str], wild: tuple[Callable[[str], bool], ...], filled: tuple[Match, ...], fold: bool
) -> Match:
    """Return the cheapest function for what there is to compare with."""
    if fold:
        return lambda text, request: text.lower() in exact or any(one(text, request) for one in filled)
    if filled:
        return lambda text, request: (
            text in exact or any(one(text) for one in wild) or any(one(text, request) for one in filled)
        )
    if not wild:
        return lambda text, _: text in exact
    if len(wild) == 1 and not exact:
        one = wild[0]
        return lambda text, _: one(text)
    return lambda text, _: text in exact or any(one(text) for one in wild)
