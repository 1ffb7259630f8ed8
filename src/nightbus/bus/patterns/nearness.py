"""Describes in a sentence how close a value is to one that a matcher accepts.

A remark is a predicate about the event's value. The higher its weight, the more probable it is that the difference is a
mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from nightbus.bus.json_text import write_json
from nightbus.bus.numbers import comparable, comparable_value, is_number
from nightbus.bus.patterns import matchers as kinds
from nightbus.bus.patterns.addresses import parse_address
from nightbus.bus.patterns.matchers import Matcher

CERTAIN, LIKELY, POSSIBLE, GENERAL = 4, 3, 2, 1
# Longer texts are not compared character by character.
LONGEST = 1_000
SIMILAR = 0.8
_EXCLUDED = {
    "prefix": "begins with what the rule excludes",
    "suffix": "ends with what the rule excludes",
    "wildcard": "fits a wildcard that the rule excludes",
    "equals-ignore-case": "is, but for case, one of the values that the rule excludes",
}


@dataclass(frozen=True, slots=True)
class Remark:
    weight: int
    text: str


def remark(matcher: Matcher, value: object) -> Remark:
    """Return the remark about a value that the matcher does not accept."""
    match matcher:
        case kinds.Exact() | kinds.IpAddress():
            return _about_text(matcher.text, value)
        case kinds.IgnoreCase():
            return _about_text(matcher.text.lower(), value.lower() if isinstance(value, str) else value)
        case kinds.Literal() | kinds.Number():
            return _about_literal(matcher, value)
        case kinds.Numeric():
            return _about_range(matcher, value)
        case kinds.Prefix() | kinds.PrefixIgnoreCase() | kinds.Suffix() | kinds.SuffixIgnoreCase():
            return _about_end(matcher, value)
        case kinds.Cidr():
            if isinstance(value, str) and parse_address(value):
                return Remark(POSSIBLE, f"is outside of {matcher.text}")
            return Remark(GENERAL, "is no IP address")
        case kinds.AnythingBut():
            return Remark(POSSIBLE, "is one of the values that the rule excludes")
        case kinds.AnythingButMatching():
            return Remark(POSSIBLE, _EXCLUDED.get(matcher.operator, "is what the rule excludes"))
        case kinds.Absent():
            return Remark(POSSIBLE, "is there, and the rule wants the field absent")
        case kinds.Wildcard():
            return _about_wildcard(matcher, value)
    return Remark(GENERAL, "is not what the rule wants")


def one_edit(value: str, expected: str) -> str | None:
    """Return a description of the single edit that makes the texts equal, None if one edit is not enough."""
    if abs(len(value) - len(expected)) > 1 or value == expected:
        return None
    start = 0
    while start < min(len(value), len(expected)) and value[start] == expected[start]:
        start += 1
    if len(value) < len(expected):
        return "one character short of" if value[start:] == expected[start + 1 :] else None
    if len(value) > len(expected):
        return "one character longer than" if value[start + 1 :] == expected[start:] else None
    if value[start + 1 :] == expected[start + 1 :]:
        return "one character different from"
    swapped = value[start : start + 2] == expected[start : start + 2][::-1]
    return (
        "two swapped characters away from"
        if swapped and value[start + 2 :] == expected[start + 2 :]
        else None
    )


def similar(one: str, other: str) -> bool:
    if max(len(one), len(other)) > LONGEST:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= SIMILAR


def _about_text(expected: str, value: object) -> Remark:
    if not isinstance(value, str):
        if write_json(value) == expected:
            return Remark(CERTAIN, f"is {_kind(value)}, the rule wants a string")
        return Remark(GENERAL, f"is {_kind(value)}, the rule wants a string")
    if value.lower() == expected.lower():
        return Remark(CERTAIN, "differs from the rule's value only in case")
    if value.strip() == expected.strip():
        return Remark(CERTAIN, "differs from the rule's value only in the white space around it")
    if edit := one_edit(value, expected):
        return Remark(LIKELY, f"is {edit} the rule's value")
    if similar(value, expected):
        return Remark(POSSIBLE, "is spelled almost like the rule's value")
    return Remark(GENERAL, "is another value than the rule's")


def _about_literal(matcher: kinds.Literal | kinds.Number, value: object) -> Remark:
    expected = write_json(matcher.written())
    kind = "a number" if isinstance(matcher, kinds.Number) else expected
    if isinstance(value, str):
        same = value == expected
        if isinstance(matcher, kinds.Number) and not same:
            same = matcher.value is not None and _number_in(value) == matcher.value
        return Remark(CERTAIN if same else GENERAL, f"is a string, the rule wants {kind}")
    if isinstance(matcher, kinds.Number) and is_number(value):
        return Remark(GENERAL, "is another number than the rule's")
    return Remark(GENERAL, f"is {_kind(value)}, the rule wants {kind}")


def _about_range(matcher: kinds.Numeric, value: object) -> Remark:
    if isinstance(value, str):
        number = _number_in(value)
        fits = number is not None and matcher.accepts(number)
        return Remark(CERTAIN if fits else GENERAL, "is a string, and numeric looks at numbers only")
    number = comparable_value(value)
    if number is None:
        what = "a number too long to compare" if is_number(value) else _kind(value)
        return Remark(GENERAL, f"is {what}, and numeric looks at numbers that a double can hold")
    if number in (matcher.low, matcher.high):
        return Remark(LIKELY, "is the bound itself, which the rule does not include")
    if matcher.low is not None and matcher.low == matcher.high:
        return Remark(POSSIBLE, "is another number than the rule's")
    if matcher.low is not None and number < matcher.low:
        return Remark(POSSIBLE, f"is below the rule's lower bound by {_shown(matcher.low - number)}")
    return Remark(POSSIBLE, f"is above the rule's upper bound by {_shown(number - (matcher.high or 0))}")


def _about_end(
    matcher: kinds.Prefix | kinds.PrefixIgnoreCase | kinds.Suffix | kinds.SuffixIgnoreCase, value: object
) -> Remark:
    at_start = isinstance(matcher, (kinds.Prefix, kinds.PrefixIgnoreCase))
    end, verb = ("prefix", "begin") if at_start else ("suffix", "end")
    if not isinstance(value, str):
        return Remark(GENERAL, f"is {_kind(value)}, and {end} looks at strings only")
    expected = matcher.text
    part = value[: len(expected)] if at_start else value[len(value) - len(expected) :]
    if part.lower() == expected.lower():
        return Remark(CERTAIN, f"{verb}s with the rule's {end} but for case")
    if expected in value:
        return Remark(LIKELY, f"has the rule's {end} in it, but does not {verb} with it")
    if one_edit(part, expected):
        return Remark(LIKELY, f"{verb}s almost with the rule's {end}: {part}")
    if value and (expected.startswith(value) if at_start else expected.endswith(value)):
        return Remark(POSSIBLE, f"is shorter than the rule's {end}")
    return Remark(GENERAL, f"does not {verb} with the rule's {end}")


def _about_wildcard(matcher: kinds.Wildcard, value: object) -> Remark:
    if not isinstance(value, str):
        return Remark(GENERAL, f"is {_kind(value)}, and wildcard looks at strings only")
    if kinds.Wildcard("", tuple(part.lower() for part in matcher.parts)).accepts(value.lower()):
        return Remark(CERTAIN, "fits the rule's wildcard but for case")
    return Remark(GENERAL, "does not fit the rule's wildcard")


def _number_in(text: str) -> float | None:
    try:
        return comparable(text.strip()) if len(text) < LONGEST else None
    except (ValueError, ArithmeticError):
        return None


def _kind(value: object) -> str:
    if value is None or isinstance(value, bool):
        return write_json(value)
    return "a string" if isinstance(value, str) else "a number"


def _shown(number: float) -> str:
    return f"{number:.12g}"
