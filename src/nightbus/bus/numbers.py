"""Compares numbers as the rules of EventBridge do.

Numbers that a double represents are compared by value. Another number (a long id, 1e400) is equal only to the same
text, and is neither less nor greater than any number.
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

# Every integer up to this one is a double.
EXACT_INTEGER = 2**53


class LossyNumber(float):
    """A number that a double cannot represent: its value is an approximation, its `text` is exact."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> LossyNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[LossyNumber], tuple[str]]:
        return (LossyNumber, (self.text,))


def comparable(text: str) -> float | None:
    """Return the double that equals the JSON number, None if there is none."""
    value = float(text)
    if not isfinite(value):
        return None
    if repr(value) == text:
        return value
    # Decimals with huge exponents are compared without expanding them, so 1e-999999 is cheap.
    return value if Decimal(repr(value)) == Decimal(text) else None


def parse_number(text: str) -> float:
    """Return the number of a JSON text with a point or an exponent; a LossyNumber if it is not a double."""
    value = comparable(text)
    return LossyNumber(text) if value is None else value


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def comparable_value(value: object) -> float | None:
    """Return the double of an event's value; None if there is none, or if the value is not a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or isinstance(value, LossyNumber):
        return None
    if isinstance(value, float):
        return value if isfinite(value) else None
    if -EXACT_INTEGER <= value <= EXACT_INTEGER:
        return float(value)
    try:
        near = float(value)
    except OverflowError:
        return None
    return near if Decimal(repr(near)) == value else None


def number_text(value: object) -> str | None:
    """Return the text of an event's number that is not a double; None for any other value."""
    if isinstance(value, LossyNumber):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
