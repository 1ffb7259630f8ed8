"""Compiles the operators of conditions: how a key's value is compared with the values of the policy.

A line of `OPERATORS` gives the function that compiles a policy's values, and whether the operator is positive
(`StringEquals`) or negated (`StringNotEquals`). A value that is not of the operator's type (a number, a date, an
address) makes the comparison impossible: None. Source:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import base64
import binascii
import functools
import operator
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from nightbus.policies.patterns import Match, Patterns, Variable, any_equal, any_like
from nightbus.policies.request import AccessRequest

Compile = Callable[[Sequence[str], bool], Patterns | None]
_NUMBER = re.compile(r"\s*[+-]?(\d{1,60}(\.\d{0,60})?|\.\d{1,60})([eE][+-]?\d{1,3})?\s*")
_YEAR = re.compile(r"\d{4}")
_MONTH = re.compile(r"\d{4}-\d{2}")


def _strings(texts: Sequence[str], variables: bool) -> Patterns:
    return any_equal(texts, variables=variables)


def _strings_ignoring_case(texts: Sequence[str], variables: bool) -> Patterns:
    return any_equal(texts, variables=variables, fold=True)


def _strings_like(texts: Sequence[str], variables: bool) -> Patterns:
    return any_like(texts, variables=variables)


def _booleans(texts: Sequence[str], variables: bool) -> Patterns:
    return any_equal(texts, variables=False, fold=True)


def _arns(texts: Sequence[str], variables: bool) -> Patterns:
    """ARNs are compared part by part, so that a wildcard does not match the colon after a part."""
    compiled = [_arn(text, variables) for text in texts]
    needed = tuple(variable for _, one in compiled for variable in one)

    def match(text: str, request: AccessRequest) -> bool:
        parts = text.split(":", 5)
        return any(
            len(parts) == len(matchers)
            and all(one(part, request) for one, part in zip(matchers, parts, strict=True))
            for matchers, _ in compiled
        )

    return Patterns(match, needed)


def _arn(text: str, variables: bool) -> tuple[list[Match], list[Variable]]:
    parts = [any_like([part], variables=variables) for part in split_arn(text)]
    return [one.match for one in parts], [variable for one in parts for variable in one.variables]


def split_arn(text: str) -> list[str]:
    """Return the six parts of an ARN; a colon within `${aws:username}` does not separate them."""
    return _COLON.split(text, maxsplit=5)


_COLON = re.compile(r":(?![^{}]*\})")


def _binaries(texts: Sequence[str], variables: bool) -> Patterns | None:
    expected = {_bytes(text) for text in texts}
    return None if None in expected else Patterns(lambda text, _: _bytes(text) in expected)


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _addresses(texts: Sequence[str], variables: bool) -> Patterns | None:
    try:
        networks = [ip_network(text.strip(), strict=False) for text in texts]
    except ValueError:
        return None
    ranges = [(one.version, int(one.netmask), int(one.network_address)) for one in networks]

    def match(text: str, _: AccessRequest) -> bool:
        address = _address(text)
        if address is None:
            return False
        version, number = address.version, int(address)
        return any(version == its and number & mask == network for its, mask, network in ranges)

    return Patterns(match)


@functools.lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def number_of(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def time_of(text: str) -> float | None:
    """Return the seconds since 1970 of a date by ISO 8601, or of a number of seconds; None for another text."""
    text = text.strip()
    if _YEAR.fullmatch(text):
        text += "-01-01"
    elif _MONTH.fullmatch(text):
        text += "-01"
    if (number := number_of(text)) is not None:
        return number
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _ordered(
    read: Callable[[str], float | None], compare: Callable[[float, float], bool]
) -> Callable[[Sequence[str], bool], Patterns | None]:
    def compile_values(texts: Sequence[str], variables: bool) -> Patterns | None:
        expected = [read(text) for text in texts]
        bounds = [one for one in expected if one is not None]
        if len(bounds) < len(expected):
            return None

        def match(text: str, _: AccessRequest) -> bool:
            value = read(text)
            return value is not None and any(compare(value, bound) for bound in bounds)

        return Patterns(match)

    return compile_values


_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], bool]] = {
    "equals": (operator.eq, True),
    "notequals": (operator.eq, False),
    "lessthan": (operator.lt, True),
    "lessthanequals": (operator.le, True),
    "greaterthan": (operator.gt, True),
    "greaterthanequals": (operator.ge, True),
}

OPERATORS: dict[str, tuple[Compile, bool]] = {
    "stringequals": (_strings, True),
    "stringnotequals": (_strings, False),
    "stringequalsignorecase": (_strings_ignoring_case, True),
    "stringnotequalsignorecase": (_strings_ignoring_case, False),
    "stringlike": (_strings_like, True),
    "stringnotlike": (_strings_like, False),
    "bool": (_booleans, True),
    "binaryequals": (_binaries, True),
    "ipaddress": (_addresses, True),
    "notipaddress": (_addresses, False),
    "arnequals": (_arns, True),
    "arnlike": (_arns, True),
    "arnnotequals": (_arns, False),
    "arnnotlike": (_arns, False),
    **{f"numeric{name}": (_ordered(number_of, one), sign) for name, (one, sign) in _COMPARISONS.items()},
    **{f"date{name}": (_ordered(time_of, one), sign) for name, (one, sign) in _COMPARISONS.items()},
}
