"""Compares numbers as rules do.

By value, so long as a number survives as a double; one that does not (long ids, 1e400) is only ever equal to its own
text, and is never compared.
"""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

# Every integer up to here is a double.
EXACT_INTEGER = 2**53


class LossyNumber(float):
    """A number of an event that a double cannot hold: its value is near, its `text` is exact."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> LossyNumber:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __reduce__(self) -> tuple[type[LossyNumber], tuple[str]]:
        return (LossyNumber, (self.text,))


def comparable(text: str) -> float | None:
    """The double that is this JSON number, or None when no double is."""
    value = float(text)
    if not isfinite(value):
        return None
    if repr(value) == text:
        return value
    # Decimals of huge exponents are compared without being written out, so 1e-999999 costs nothing.
    return value if Decimal(repr(value)) == Decimal(text) else None


def parse_number(text: str) -> float:
    """The number of a JSON text with a point or an exponent; its text stays with it if it is no double."""
    value = comparable(text)
    return LossyNumber(text) if value is None else value


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def comparable_value(value: object) -> float | None:
    """The same of an event's value; None also for what is no number."""
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
    """How an incomparable number of an event was written."""
    if isinstance(value, LossyNumber):
        return value.text
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None
