"""Translates patterns of the models from Java's syntax to Python's, and matches texts with them.

Java's `\\w`, `\\d` and `\\s` match ASCII only. Unicode classes (`\\p{L}`) become ranges. Those of all characters take
0.1 s to compute and compile, so a text of ASCII only is matched with the ranges within ASCII, which decide the same.
The patterns come from AWS, but the texts from clients: `re` tries 2^n ways for a repetition within a repetition, as in
EventBridge's `HeaderValue`, which never ends for 40 spaces. The package `regex` runs such patterns with a timeout.
"""

from __future__ import annotations

import functools
import itertools
import re
import sys
import unicodedata
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_POSIX = {
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "ASCII": r"\x00-\x7f",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r" \t\n\x0b\f\r",
    "Upper": "A-Z",
    "XDigit": "0-9a-fA-F",
}
_CLASS = re.compile(r"\\([pP])(?:\{(?:Is)?(\w+)\}|([A-Z]))")
_LEADING_FLAGS = re.compile(r"\(\?([imsx]+)\)")
_REPETITIONS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
# Two thirds of all characters are in planes without any, or for private use: asking for each holds the loop 0.1 s.
_OF_ONE_CATEGORY = (range(0x40000, 0xE0000), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
_ASCII_END = 0x80
_NOTHING = "\\U0010ffff"  # no character, so in no text, where a class has no members within ASCII
_CATEGORIES = (
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()  # noqa: SIM905
)
_LONG_NAMES = {"Letter": "L", "Alphabetic": "L"}


_MATCH_SECONDS = 0.05


class BoundedPattern:
    """A pattern that may take long. A text that is not decided before the timeout does not match."""

    def __init__(self, pattern: str) -> None:
        import regex

        self._expression = regex.compile(pattern, regex.ASCII)

    def fullmatch(self, text: str) -> object | None:
        try:
            match: object | None = self._expression.fullmatch(text, timeout=_MATCH_SECONDS)
            return match
        except TimeoutError:
            return None


class UnicodePattern:
    """A pattern with Unicode classes."""

    def __init__(self, pattern: str) -> None:
        """Raises re.error, KeyError."""
        self._pattern = pattern
        self._ascii = _compiled(pattern, _ASCII_END)

    def fullmatch(self, text: str) -> object | None:
        return (self._ascii if text.isascii() else self._whole).fullmatch(text)

    @functools.cached_property
    def _whole(self) -> re.Pattern[str] | BoundedPattern:
        return _compiled(self._pattern, sys.maxunicode + 1)


@functools.cache
def compiled(pattern: str) -> re.Pattern[str] | BoundedPattern | UnicodePattern | None:
    """Compile a pattern. Returns None if Python cannot compile it."""
    try:
        return UnicodePattern(pattern) if _CLASS.search(pattern) else _compiled(pattern, _ASCII_END)
    except (re.error, KeyError):
        return None


def _compiled(pattern: str, end: int) -> re.Pattern[str] | BoundedPattern:
    """With the members of Unicode classes below `end`. Raises re.error, KeyError."""
    text = _translated(pattern, end)
    nested = _has_nested_repetition(_parser.parse(text), within=False)
    return BoundedPattern(text) if nested else re.compile(text, re.ASCII)


def _has_nested_repetition(parsed: Iterable[Any], *, within: bool) -> bool:
    """Return whether an unlimited repetition contains another unlimited one."""
    for operator, argument in parsed:
        endless = within
        if operator in _REPETITIONS and argument[1] is _constants.MAXREPEAT:
            if within:
                return True
            endless = True
        if any(_has_nested_repetition(part, within=endless) for part in _subpatterns(argument)):
            return True
    return False


def _subpatterns(argument: Any) -> list[Any]:
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [subpattern for part in argument for subpattern in _subpatterns(part)]
    return []


def _translated(pattern: str, end: int) -> str:
    parts, at, inside = [], 0, _inside_brackets(pattern)
    for match in _CLASS.finditer(pattern):
        members = _members(match.group(2) or match.group(3), end)
        if match.group(1) == "P":
            if inside[match.start()]:
                raise KeyError(match.group())
            text = f"[^{members}]"
        else:
            text = members if inside[match.start()] else f"[{members}]"
        parts += [pattern[at : match.start()], text]
        at = match.end()
    return _with_scoped_flags("".join([*parts, pattern[at:]]))


def _with_scoped_flags(pattern: str) -> str:
    """Return the pattern with leading flags around the rest, `(?i:x)` for `(?i)x`, so that it may become a part."""
    flags = _LEADING_FLAGS.match(pattern)
    return f"(?{flags[1]}:{pattern[flags.end() :]})" if flags else pattern


def _inside_brackets(pattern: str) -> list[bool]:
    """Return for each character whether it is in a character class."""
    inside, flags, escaped = False, [], False
    for character in pattern:
        flags.append(inside)
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == "[":
            inside = True
        elif character == "]":
            inside = False
    return flags


def _members(name: str, end: int) -> str:
    return _POSIX.get(name) or _category(_LONG_NAMES.get(name, name), end)


@functools.cache
def _category(name: str, end: int) -> str:
    """Return the characters below `end` of a general category, such as `L` or `Zs`, as ranges. Raises KeyError for
    another name."""
    if not any(category.startswith(name) for category in _CATEGORIES):
        raise KeyError(name)
    categories = _ascii_categories() if end == _ASCII_END else _categories()
    ranges = sorted(run for category, runs in categories.items() if category.startswith(name) for run in runs)
    if not ranges:
        return _NOTHING
    merged = [ranges[0]]
    for first, last in ranges[1:]:
        if first == merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in merged)


def _ascii_categories() -> dict[str, list[tuple[int, int]]]:
    runs: dict[str, list[tuple[int, int]]] = {}
    for code in range(_ASCII_END):
        runs.setdefault(unicodedata.category(chr(code)), []).append((code, code))
    return runs


@functools.cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """Return the ranges of characters (first, last) of each general category of Unicode, computed once."""
    runs: dict[str, list[tuple[int, int]]] = {}
    at = 0
    for whole in (*_OF_ONE_CATEGORY, range(sys.maxunicode + 1, sys.maxunicode + 1)):
        for category, run in itertools.groupby(map(unicodedata.category, map(chr, range(at, whole.start)))):
            length = sum(1 for _ in run)
            runs.setdefault(category, []).append((at, at + length - 1))
            at += length
        if whole:
            runs.setdefault(unicodedata.category(chr(whole.start)), []).append((whole.start, whole.stop - 1))
            at = whole.stop
    return runs
