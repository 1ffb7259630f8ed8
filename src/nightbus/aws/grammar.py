"""Defines the syntax of regions, account ids and whole numbers, and the default account."""

from __future__ import annotations

import re

DEFAULT_ACCOUNT = "000000000000"  # the account of a request whose key names none
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_ACCOUNT = re.compile(r"[0-9]{12}")
_DIGITS = re.compile(r"[0-9]+")
_MOST_DIGITS = 18  # a number of so many digits fits into 63 bits


def is_region(text: str) -> bool:
    """Return whether the text has up to 32 lower-case letters, digits and hyphens, as `us-east-1`, and `local`, which
    some tools use."""
    return _REGION.fullmatch(text) is not None


def is_account(text: str) -> bool:
    """Return whether the text has twelve ASCII digits."""
    return _ACCOUNT.fullmatch(text) is not None


def whole_number(text: str) -> int | None:
    """Return the number of a text of ASCII digits; None for any other text.

    A number of more than 18 digits counts as 10**18, which exceeds every limit: Python parses long numbers slowly, and
    refuses those of more than 4,300 digits.
    """
    if _DIGITS.fullmatch(text) is None:
        return None
    return int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
