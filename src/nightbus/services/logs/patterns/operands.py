"""Compares a value of a log event with what a filter pattern names: text with wildcards, a number, or `%regex%`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import regex

from nightbus.aws.errors import AwsError
from nightbus.services.logs.errors import invalid

# Without groups a search is at worst polynomial, which a message of AWS's largest size makes many seconds.
_SEARCH_SECONDS = 0.05
_REGEX = regex.compile(r"(?:[A-Za-z0-9_#=@/;,:\-^$?\[\]{}|*+.]|\\[\x21-\x7e])+")
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS = frozenset({"=", "!=", *_ORDERS})


def invalid_pattern() -> AwsError:
    return invalid("Invalid filter pattern")


def compile_regex(text: str) -> Callable[[str], bool]:
    """Return a search for the expression between two `%`.

    A search that takes over 50 ms raises AwsError, so that a hostile expression neither holds the node nor lies.
    """
    if not _REGEX.fullmatch(text):
        raise invalid_pattern()
    try:
        expression = regex.compile(text)
    except regex.error:
        raise invalid_pattern() from None

    def found(message: str) -> bool:
        try:
            return expression.search(message, timeout=_SEARCH_SECONDS) is not None
        except TimeoutError:
            raise invalid("The regular expression takes too long on a log event.") from None

    return found


def fits(pattern: str, text: str) -> bool:
    """Say whether `text` is `pattern`, in which `*` stands for any characters. Takes linear time for each part."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


@dataclass(frozen=True, slots=True)
class Operand:
    """`search` is a regular expression's, `number` is None unless the text was bare and is a number."""

    text: str
    quoted: bool = False
    number: float | None = None
    search: Callable[[str], bool] | None = None

    @classmethod
    def parse(cls, token: str) -> Operand:
        """Raises AwsError where the token is neither quoted nor a bare word nor a valid regular expression."""
        if token.startswith('"'):
            return cls(regex.sub(r"\\(.)", r"\1", token[1:-1]), quoted=True)
        if token.startswith("%"):
            return cls(token, search=compile_regex(token[1:-1]))
        return cls(token, number=number_in(token))

    def equals(self, value: Any) -> bool:
        """`value` is a text or a number."""
        if isinstance(value, str):
            return self.search(value) if self.search else fits(self.text, value)
        if self.number is not None:
            return bool(value == self.number)
        return not self.quoted and (self.search(str(value)) if self.search else fits(self.text, str(value)))


def number_in(text: str) -> float | None:
    if not regex.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", text, flags=regex.ASCII):
        return None
    return float(text)


def compare(sign: str, operand: Operand, value: Any, text_numbers: bool) -> bool:
    """`text_numbers`: whether a text such as `10` counts as a number, as it does in space-delimited messages."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    number = number_in(value) if text_numbers and isinstance(value, str) else value
    if sign in _ORDERS:
        known = operand.number is not None and isinstance(number, int | float)
        return known and _ORDERS[sign](number, operand.number)  # type: ignore[arg-type]
    same = operand.equals(value) or (operand.number is not None and number == operand.number)
    return same if sign == "=" else not same
