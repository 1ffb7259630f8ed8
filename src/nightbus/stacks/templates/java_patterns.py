"""Matches texts with a template's regular expressions, which have Java's syntax, in bounded time.

Java's expressions have lookaround, backreferences and possessive quantifiers, which engines of linear time do not
support. The package `regex` supports them and stops after a timeout. It expands repetitions within repetitions when it
compiles, so their number has a limit as well.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-regexes.html
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import regex

LONGEST_PATTERN = 4096
_MOST_COPIES = 50_000  # measured: 30 ms and 15 MB
_WORDS, _SPACES = "a-zA-Z0-9_", r" \t\n\x0b\f\r"
_CLASSES = {
    "d": "[0-9]", "D": "[^0-9]", "w": f"[{_WORDS}]", "W": f"[^{_WORDS}]", "s": f"[{_SPACES}]", "S": f"[^{_SPACES}]",
    "Z": r"(?=\n?\z)",
}  # fmt: skip
_ASCII_CLASSES = {
    "Alnum": "a-zA-Z0-9", "Alpha": "a-zA-Z", "ASCII": r"\x00-\x7f", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
    "Digit": "0-9", "Graph": "!-~", "Lower": "a-z", "Print": " -~", "Punct": r"!-/:-@\[-`\{-\~", "Space": _SPACES,
    "Upper": "A-Z", "XDigit": "0-9a-fA-F",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<not>[pP])\{(?P<class>\w+)\}|\\x\{(?P<code>[0-9a-fA-F]{1,6})\}"
    r"|\\k<(?P<name>\w+)>|\\(?P<one>.)",
    re.DOTALL,
)
_TOKEN = re.compile(r"\\.|\[\^?\]?|\]|\(|\)|\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|.", re.DOTALL)


class NotAPattern(Exception):
    """The expression is invalid in Java, or larger than this module's limit."""


class TimeSpent(Exception):
    """The expressions of a request took longer than their common time."""


class MatchingTime:
    """The time, in seconds, that all matches of one request share."""

    def __init__(self, seconds: float = 0.05) -> None:
        self._left = seconds

    def matches(self, pattern: str, text: str) -> bool:
        """Return whether the whole text matches. Raises NotAPattern and TimeSpent."""
        expression, began = compile_java_pattern(pattern), time.perf_counter()
        try:
            return expression.fullmatch(text, timeout=max(self._left, 0.001)) is not None
        except TimeoutError:
            raise TimeSpent from None
        finally:
            self._left -= time.perf_counter() - began


def compile_java_pattern(pattern: str) -> regex.Pattern[str]:
    """Compile an expression. Raises NotAPattern.

    `regex` caches the expressions compiled last. It is imported with the first one, which takes 20 ms.
    """
    import regex

    if len(pattern) > LONGEST_PATTERN or _copies(pattern) > _MOST_COPIES:
        raise NotAPattern(pattern)
    try:
        # Version 1 has nested classes and intersections of classes, as Java does.
        return regex.compile(_ESCAPE.sub(_translated, pattern), regex.V1)
    except (regex.error, ValueError, OverflowError, RecursionError) as broken:
        raise NotAPattern(pattern) from broken


def _translated(escape: re.Match[str]) -> str:
    """Return the ASCII form of `\\w`, `\\d`, `\\s` or a POSIX class, which in Java match ASCII only."""
    if escape["quoted"] is not None:
        return re.escape(escape["quoted"])
    if escape["class"] is not None:
        members = _ASCII_CLASSES.get(escape["class"])
        if members is None:
            return escape[0]
        return f"[{'^' if escape['not'] == 'P' else ''}{members}]"
    if escape["code"] is not None:
        return rf"\U{escape['code']:0>8}"
    if escape["name"] is not None:
        return f"(?P={escape['name']})"
    return _CLASSES.get(escape["one"], escape[0])


def _copies(pattern: str) -> int:
    """Return how often nested counted repetitions repeat the innermost part of the expression."""
    most, within = 1, 0
    groups, last = [1], 1  # the largest number in each open group; the number of the part read last
    for token in _TOKEN.finditer(pattern):
        text = token[0]
        if within:
            within += (text[0] == "[") - (text == "]")
        elif text[0] == "[":
            within, last = 1, 1
        elif text == "(":
            groups.append(1)
        elif text == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] = max(groups[-1], last)
        elif token["least"] is not None:
            count = max(int(number) for number in (token["least"], token["most"] or "1"))
            most = max(most, last * count if last > 1 else 1)
            last *= count
            groups[-1] = max(groups[-1], last)
        else:
            last = 1
    return most
