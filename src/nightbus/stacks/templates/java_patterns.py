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
_HORIZONTAL = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0b\f\r\x85\u2028\u2029"
_CLASSES = {
    "h": f"[{_HORIZONTAL}]", "H": f"[^{_HORIZONTAL}]", "v": f"[{_VERTICAL}]", "V": f"[^{_VERTICAL}]", "e": r"\x1b",
    "d": "[0-9]", "D": "[^0-9]", "w": f"[{_WORDS}]", "W": f"[^{_WORDS}]", "s": f"[{_SPACES}]", "S": f"[^{_SPACES}]",
    "Z": r"(?=\n?\z)",
}  # fmt: skip
_ASCII_CLASSES = {
    "Alnum": "a-zA-Z0-9", "Alpha": "a-zA-Z", "ASCII": r"\x00-\x7f", "Blank": r" \t", "Cntrl": r"\x00-\x1f\x7f",
    "Digit": "0-9", "Graph": "!-~", "Lower": "a-z", "Print": " -~", "Punct": r"!-/:-@\[-`\{-\~", "Space": _SPACES,
    "Upper": "A-Z", "XDigit": "0-9a-fA-F",
}  # fmt: skip
_JAVA_CLASSES = {
    "IsDigit": "Nd", "IsPunctuation": "P", "javaAlphabetic": "Alphabetic", "javaDigit": "Nd", "javaLetter": "L",
    "javaLowerCase": "Lowercase", "javaTitleCase": "Lt", "javaUpperCase": "Uppercase", "javaWhitespace": "White_Space",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\(?P<not>[pP])\{(?P<class>\w+)\}|\\x\{(?P<code>[0-9a-fA-F]{1,6})\}"
    r"|\\k<(?P<name>\w+)>|\\c(?P<control>[@-_])|\\(?P<one>.)"
    r"|(?P<open>\[\^?\]?)(?P<posix>:?)|(?P<close>\])|(?P<set>--|~~|\|\|)|\(\?(?P<flags>[a-zA-Z-]+)(?P<end>[:)])",
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
        return regex.compile(_ESCAPE.sub(_Translation(), pattern), regex.V1)
    except (regex.error, ValueError, OverflowError, RecursionError) as broken:
        raise NotAPattern(pattern) from broken


class _Translation:
    """Writes the parts of a Java expression as `regex` reads them. It follows where a class of characters is open,
    since there `--`, `~~` and `||` are plain characters in Java, and flags and groups do not exist."""

    def __init__(self) -> None:
        self._open_classes = 0

    def __call__(self, part: re.Match[str]) -> str:
        if part["open"]:
            self._open_classes += 1
            return part["open"] + (r"\:" if part["posix"] else "")
        if part["close"]:
            self._open_classes = max(self._open_classes - 1, 0)
            return "]"
        if part["set"]:
            return "".join(f"\\{letter}" for letter in part["set"]) if self._open_classes else part["set"]
        if part["flags"]:
            return part[0] if self._open_classes else _with_flags(part["flags"], part["end"])
        return _escape(part)


def _with_flags(flags: str, end: str) -> str:
    """Return the beginning of a group with flags, without those for which there is nothing to do here."""
    on, minus, off = flags.translate({ord(letter): None for letter in "duU"}).partition("-")
    if on or off:
        return f"(?{on}{minus if off else ''}{off}{end}"
    return "(?:" if end == ":" else ""


def _escape(escape: re.Match[str]) -> str:
    """Return the ASCII form of `\\w`, `\\d`, `\\s` or a POSIX class, which in Java match ASCII only."""
    if escape["quoted"] is not None:
        return re.escape(escape["quoted"])
    if escape["class"] is not None:
        return _named_class(escape)
    if escape["code"] is not None:
        return rf"\U{escape['code']:0>8}"
    if escape["name"] is not None:
        return f"(?P={escape['name']})"
    if escape["control"] is not None:
        return f"\\x{ord(escape['control']) ^ 64:02x}"
    return _CLASSES.get(escape["one"], escape[0])


def _named_class(escape: re.Match[str]) -> str:
    name = escape["class"]
    if name in _ASCII_CLASSES:
        return f"[{'^' if escape['not'] == 'P' else ''}{_ASCII_CLASSES[name]}]"
    return f"\\{escape['not']}{{{_JAVA_CLASSES[name]}}}" if name in _JAVA_CLASSES else escape[0]


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
