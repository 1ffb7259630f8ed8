"""Defines the kinds of matchers, a class for each: `accepts` decides about a value, `written` is the JSON in a rule.

A value is a leaf of an event: a string, a number, a boolean or None. `Absent` stands for a missing field, and accepts
no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightbus.bus.numbers import LossyNumber, comparable_value, number_text
from nightbus.bus.patterns import case_folding, wildcards
from nightbus.bus.patterns.addresses import Address, Block, parse_address
from nightbus.bus.patterns.case_folding import Folds
from nightbus.bus.patterns.wildcards import Parts


@dataclass(frozen=True, slots=True)
class Exact:
    """Matches exactly one string. `spelled` is true if the rule has {"exactly": …}."""

    text: str
    spelled: bool = False

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value == self.text

    def written(self) -> Any:
        return {"exactly": self.text} if self.spelled else self.text


@dataclass(frozen=True, slots=True)
class Literal:
    """Matches true, false or null."""

    value: bool | None

    def accepts(self, value: object) -> bool:
        return value is self.value

    def written(self) -> Any:
        return self.value


@dataclass(frozen=True, slots=True)
class Number:
    """Matches a number by its value, or by its text if it is not a double."""

    text: str
    value: float | None

    def accepts(self, value: object) -> bool:
        if self.value is None:
            return number_text(value) == self.text
        return comparable_value(value) == self.value

    def written(self) -> Any:
        return LossyNumber(self.text) if self.value is None else _short(self.value)


@dataclass(frozen=True, slots=True)
class IpAddress:
    """Matches a string that is the address in any notation."""

    text: str
    address: Address

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and parse_address(value) == self.address

    def written(self) -> Any:
        return self.text


@dataclass(frozen=True, slots=True)
class Prefix:
    text: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.startswith(self.text)

    def written(self) -> Any:
        return {"prefix": self.text}


@dataclass(frozen=True, slots=True)
class Suffix:
    text: str

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and value.endswith(self.text)

    def written(self) -> Any:
        return {"suffix": self.text}


@dataclass(frozen=True, slots=True)
class IgnoreCase:
    text: str
    folds: Folds

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and case_folding.equals(self.folds, value)

    def written(self) -> Any:
        return {"equals-ignore-case": self.text}


@dataclass(frozen=True, slots=True)
class PrefixIgnoreCase:
    text: str
    folds: Folds

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and case_folding.starts(self.folds, value)

    def written(self) -> Any:
        return {"prefix": {"equals-ignore-case": self.text}}


@dataclass(frozen=True, slots=True)
class SuffixIgnoreCase:
    text: str
    folds: Folds

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and case_folding.ends(self.folds, value)

    def written(self) -> Any:
        return {"suffix": {"equals-ignore-case": self.text}}


@dataclass(frozen=True, slots=True)
class Wildcard:
    text: str
    parts: Parts

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and wildcards.accepts(self.parts, value)

    def written(self) -> Any:
        return {"wildcard": self.text}


@dataclass(frozen=True, slots=True)
class Cidr:
    text: str
    block: Block

    def accepts(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        address = parse_address(value)
        return address is not None and self.block.holds(address)

    def written(self) -> Any:
        return {"cidr": self.text}


@dataclass(frozen=True, slots=True)
class Numeric:
    """Matches a range. A bound of None is infinite. For `=` both bounds are equal and included."""

    low: float | None = None
    high: float | None = None
    low_included: bool = False
    high_included: bool = False

    def accepts(self, value: object) -> bool:
        number = comparable_value(value)
        if number is None:
            return False
        if self.low is not None and (number < self.low or (number == self.low and not self.low_included)):
            return False
        if self.high is None:
            return True
        return number < self.high or (number == self.high and self.high_included)

    def written(self) -> Any:
        if self.low is not None and self.low == self.high:
            return {"numeric": ["=", _short(self.low)]}
        terms: list[Any] = []
        if self.low is not None:
            terms += [">=" if self.low_included else ">", _short(self.low)]
        if self.high is not None:
            terms += ["<=" if self.high_included else "<", _short(self.high)]
        return {"numeric": terms}


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """Matches any value except these strings or numbers."""

    excluded: tuple[str, ...] | tuple[float, ...]

    def accepts(self, value: object) -> bool:
        if isinstance(value, str):
            return value not in self.excluded
        number = comparable_value(value)
        return number is None or number not in self.excluded

    def written(self) -> Any:
        return {"anything-but": [_short(item) for item in self.excluded]}


@dataclass(frozen=True, slots=True)
class AnythingButMatching:
    """Matches any value that none of these matchers accepts. All are of the kind `operator`."""

    operator: str
    excluded: tuple[Prefix | Suffix | Wildcard | IgnoreCase, ...]

    def accepts(self, value: object) -> bool:
        return not any(matcher.accepts(value) for matcher in self.excluded)

    def written(self) -> Any:
        return {"anything-but": {self.operator: [matcher.text for matcher in self.excluded]}}


@dataclass(frozen=True, slots=True)
class Exists:
    def accepts(self, value: object) -> bool:
        return True

    def written(self) -> Any:
        return {"exists": True}


@dataclass(frozen=True, slots=True)
class Absent:
    def accepts(self, value: object) -> bool:
        return False

    def written(self) -> Any:
        return {"exists": False}


Matcher = (
    Exact
    | Literal
    | Number
    | IpAddress
    | Prefix
    | Suffix
    | IgnoreCase
    | PrefixIgnoreCase
    | SuffixIgnoreCase
    | Wildcard
    | Cidr
    | Numeric
    | AnythingBut
    | AnythingButMatching
    | Exists
    | Absent
)


def _short(value: str | float) -> str | int | float:
    """Return the value, with a whole number as an int, without `.0`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value
