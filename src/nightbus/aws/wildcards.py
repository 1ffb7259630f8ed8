"""Matches texts against the wildcards of IAM policies: `*` stands for any text, `?` for any one character.

The matcher reads the text from left to right, and assigns each literal between two stars to its first match. A later
match would only leave less text for the rest, so the matcher never backtracks, and its work grows with the length of
the text, however many stars there are. A regular expression would try all combinations, so ten stars could block a
process.
"""

from __future__ import annotations

import functools
import re


def like(pattern: str, text: str) -> bool:
    """Return whether the whole text matches the pattern. Case matters."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    first, *middle = _parts(pattern)
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

    def __init__(self, text: str) -> None:
        self._text = text
        single = "?" in text
        expression = "".join("." if char == "?" else re.escape(char) for char in text)
        self._expression = re.compile(expression, re.DOTALL) if single else None

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


@functools.lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[_Literal, ...]:
    return tuple(_Literal(text) for text in pattern.split("*"))
