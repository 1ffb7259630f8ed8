"""Parses filter patterns of plain terms, and matches messages against them. Pure.

A message matches if it has all plain terms, none of the `-term`s and at least one of the `?term`s. Quotes make one term
of several words. AWS ignores `?` terms beside others. JSON selectors, space-delimited patterns and regular expressions
are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.logs.errors import invalid

_TERM = re.compile(r'\s*([-?]?)("(?:[^"\\]|\\.)*"|[^\s"]+)')
_ESCAPE = re.compile(r"\\(.)")
_BARE = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Terms:
    required: tuple[str, ...]
    excluded: tuple[str, ...]
    optional: tuple[str, ...]

    def matches(self, message: str) -> bool:
        if any(term in message for term in self.excluded):
            return False
        if self.required or self.excluded:
            return all(term in message for term in self.required)
        return not self.optional or any(term in message for term in self.optional)


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return a function that says whether a message matches. Raises AwsError for an invalid or unsupported pattern."""
    text = pattern.strip()
    for start, name in (("{", "a JSON"), ("[", "a space-delimited"), ("%", "a regular expression")):
        if text.startswith(start):
            raise not_supported("logs", "FilterLogEvents", f"{name} filterPattern")
    return parse_terms(text).matches


def parse_terms(text: str) -> Terms:
    by_sign: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text):
        match = _TERM.match(text, at)
        if match is None or (match.end() < len(text) and not text[match.end()].isspace()):
            raise _invalid_pattern()
        sign, term = match.groups()
        by_sign[sign].append(_unquoted(term))
        at = match.end()
    return Terms(tuple(by_sign[""]), tuple(by_sign["-"]), tuple(by_sign["?"]))


def _unquoted(term: str) -> str:
    if term.startswith('"'):
        return _ESCAPE.sub(r"\1", term[1:-1])
    if not _BARE.fullmatch(term):
        raise _invalid_pattern()  # AWS requires quotes around a term that is not alphanumeric
    return term


def _invalid_pattern() -> AwsError:
    return invalid("Invalid filter pattern")
