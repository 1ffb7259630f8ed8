"""Parses filter patterns: terms, `%regex%`, JSON in braces, and fields in brackets. Pure.

A message matches terms if it has all plain ones, none of the `-term`s and at least one of the `?term`s. Quotes make one
term of several words. AWS ignores `?` terms beside others.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from nightbus.services.logs.patterns.fields_pattern import FieldsPattern
from nightbus.services.logs.patterns.json_pattern import JsonPattern
from nightbus.services.logs.patterns.operands import compile_regex, invalid_pattern

_TERM = re.compile(r'\s*([-?]?)("(?:[^"\\]|\\.)*"|%[^%]*%|[^\s"]+)')
_ESCAPE = re.compile(r"\\(.)")
_BARE = re.compile(r"\w+")
Search = Callable[[str], bool]


class Pattern(Protocol):
    def matches(self, message: str) -> bool: ...

    def extracted(self, message: str) -> dict[str, str]:
        """Return what the pattern names in a message that matches, as TestMetricFilter shows it."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms are texts, which a message contains, or searches for regular expressions."""

    required: tuple[str | Search, ...]
    excluded: tuple[str | Search, ...]
    optional: tuple[str | Search, ...]

    def matches(self, message: str) -> bool:
        if any(_has(message, term) for term in self.excluded):
            return False
        if self.required or self.excluded:
            return all(_has(message, term) for term in self.required)
        return not self.optional or any(_has(message, term) for term in self.optional)

    def extracted(self, message: str) -> dict[str, str]:
        return {}


def _has(message: str, term: str | Search) -> bool:
    return term in message if isinstance(term, str) else term(message)


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether a message matches. Raises AwsError for an invalid pattern."""
    return parse_pattern(pattern).matches


def parse_pattern(pattern: str) -> Pattern:
    """Raises AwsError for an invalid pattern."""
    text = pattern.strip()
    if text.startswith("{"):
        return JsonPattern(text)
    if text.startswith("["):
        return FieldsPattern(text)
    return parse_terms(text)


def parse_terms(text: str) -> Terms:
    by_sign: dict[str, list[str | Search]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or (match.end() < len(text) and not text[match.end()].isspace()):
            raise invalid_pattern()
        sign, term = match.groups()
        by_sign[sign].append(_term(term))
        at = match.end()
    return Terms(tuple(by_sign[""]), tuple(by_sign["-"]), tuple(by_sign["?"]))


def _term(term: str) -> str | Search:
    if term.startswith('"'):
        return _ESCAPE.sub(r"\1", term[1:-1])
    if term.startswith("%") and term.endswith("%") and len(term) > 1:
        return compile_regex(term[1:-1])
    if not _BARE.fullmatch(term):
        raise invalid_pattern()  # AWS requires quotes around a term that is not alphanumeric
    return term
