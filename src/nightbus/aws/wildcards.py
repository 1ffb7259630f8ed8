"""Matches texts against the wildcards of IAM policies: `*` stands for any text, `?` for any one character.

The matcher reads the text from left to right, and assigns each literal between two stars to its first match. A later
match would only leave less text for the rest, so the matcher never backtracks, and its work grows with the length of
the text, however many stars there are. A regular expression would try all combinations, so ten stars could block a
process.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable


def like(pattern: str, text: str) -> bool:
    """Return whether the whole text matches the pattern. Case matters."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return matches(_parts(pattern), text)


def compiled(pattern: str) -> Callable[[str], bool]:
    """Return `like` for one pattern, as a function of the text: the quickest for a pattern that is compared often."""
    if "*" not in pattern and "?" not in pattern:
        return pattern.__eq__
    if pattern.strip("*") == "":
        return lambda text: True
    body = pattern[:-1]
    if pattern.endswith("*") and "*" not in body and "?" not in body:
        return lambda text: text.startswith(body)
    parts = compiled_parts([(pattern, False)])
    return lambda text: matches(parts, text)


Parts = tuple["_Literal", ...]


def compiled_parts(texts: Iterable[tuple[str, bool]]) -> Parts:
    """Return what `matches` needs for a pattern made of texts: (text, whether its `*` and `?` are only characters)."""
    parts: list[list[tuple[str, bool]]] = [[]]
    for text, literal in texts:
        if literal:
            parts[-1].append((text, True))
            continue
        first, *others = text.split("*")
        parts[-1].append((first, False))
        parts += [[(other, False)] for other in others]
    return tuple(_Literal(part) for part in parts)


def matches(parts: Parts, text: str) -> bool:
    """Return whether the whole text matches the parts, between which stars stand."""
    first, *middle = parts
    if not middle:
        return len(first) == len(text) and first.fits(text, 0)
    last = middle.pop()
    end = len(text) - len(last)
    if end < len(first) or not first.fits(text, 0) or not last.fits(text, end):
        return False
    at = len(first)
    for part in middle:
        position = part.find(text, at, end)
        if position < 0:
            return False
        at = position + len(part)
    return True


class _Literal:
    """A part of a pattern without stars. It matches a text of its own length."""

    __slots__ = ("_expression", "_text")

    def __init__(self, texts: Iterable[tuple[str, bool]]) -> None:
        listed = list(texts)
        self._text = "".join(text for text, _ in listed)
        self._expression = None
        if any("?" in text for text, literal in listed if not literal):
            expression = "".join(_expression(text, literal) for text, literal in listed)
            self._expression = re.compile(expression, re.DOTALL)

    def __len__(self) -> int:
        return len(self._text)

    def fits(self, text: str, at: int) -> bool:
        if self._expression is None:
            return text.startswith(self._text, at)
        return self._expression.match(text, at) is not None

    def find(self, text: str, start: int, end: int) -> int:
        """Return the position of the first match between `start` and `end`, -1 for none."""
        if self._expression is None:
            return text.find(self._text, start, end)
        match = self._expression.search(text, start, end)
        return -1 if match is None else match.start()


def _expression(text: str, literal: bool) -> str:
    if literal:
        return re.escape(text)
    return "".join("." if char == "?" else re.escape(char) for char in text)


@functools.lru_cache(maxsize=1024)
def _parts(pattern: str) -> Parts:
    return compiled_parts([(pattern, False)])
