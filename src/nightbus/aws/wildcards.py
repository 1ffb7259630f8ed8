"""Compares text with the wildcards of IAM policies: `*` stands for any text, `?` for any one character.

The text is read from left to right, and each literal between two stars is placed at the first position where it fits.
A later position could only leave less text for the rest, so nothing is ever tried again: the work grows with the length
of the text, however many stars there are. A regular expression tries all combinations of positions, so that ten stars
stop a process.
"""

from __future__ import annotations

import functools
import re


def like(pattern: str, text: str) -> bool:
    """Whether all of `text` fits; letters are told apart by case."""
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
        found = part.find(text, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


class _Literal:
    """Text without stars; its length is that of what it fits."""

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
        """Where it fits first between `start` and `end`; -1 for nowhere."""
        if self._expression is None:
            return text.find(self._text, start, end)
        found = self._expression.search(text, start, end)
        return -1 if found is None else found.start()


@functools.lru_cache(maxsize=1024)
def _parts(pattern: str) -> tuple[_Literal, ...]:
    return tuple(_Literal(text) for text in pattern.split("*"))
