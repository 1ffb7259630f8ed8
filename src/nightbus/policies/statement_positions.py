"""Finds where the statements of a policy begin and end in its text, as the policy simulator says it.

A start is the column after the opening brace and an end the column after the closing one, both counted from 1: in
AWS's example of SimulateCustomPolicy a statement at the 37th to the 166th character is said to be at 38 to 167.
https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-custom-policy.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


class Position(NamedTuple):
    line: int
    column: int


class Span(NamedTuple):
    start: Position
    end: Position


def statement_spans(text: str) -> list[Span]:
    """Return the places of the statements in the order of the text. Raises ValueError for a text that is not JSON."""
    for name, start, _ in _members(text):
        if name == "Statement":
            places = _elements(text, start) if text[start] == "[" else [(start, _end(text, start))]
            return [Span(_position(text, begin + 1), _position(text, end)) for begin, end in places]
    return []


def _members(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each member of the outer object, and where its value begins and ends."""
    at = _skip(text, 0) + 1
    while text[at : at + 1] != "}":
        name, at = _decoder.raw_decode(text, _skip(text, at))
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        end = _end(text, start)
        yield name, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at += 1


def _elements(text: str, start: int) -> list[tuple[int, int]]:
    places, at = [], _skip(text, start + 1)
    while text[at] != "]":
        end = _end(text, at)
        places.append((at, end))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return places


def _end(text: str, start: int) -> int:
    return _decoder.raw_decode(text, start)[1]


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _position(text: str, at: int) -> Position:
    before = text[:at]
    return Position(before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1)
