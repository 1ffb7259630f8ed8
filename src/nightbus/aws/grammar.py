"""Says what regions, account ids and whole numbers look like, and which account is the default."""

from __future__ import annotations

import re

DEFAULT_ACCOUNT = "000000000000"  # whose a request is that names no account
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_ACCOUNT = re.compile(r"[0-9]{12}")
_DIGITS = re.compile(r"[0-9]+")
_MOST_DIGITS = 18  # of a number that fits into 63 bits


def is_region(text: str) -> bool:
    """`us-east-1`, and what tools call their own (`local`): up to 32 lower-case letters, digits and hyphens."""
    return _REGION.fullmatch(text) is not None


def is_account(text: str) -> bool:
    """Twelve ASCII digits."""
    return _ACCOUNT.fullmatch(text) is not None


def whole_number(text: str) -> int | None:
    """The number of a text of ASCII digits; None for any other text.

    One of more than 18 digits is 10**18, which is more than anything may be: Python itself reads long ones slowly, and
    none of more than 4,300 digits.
    """
    if _DIGITS.fullmatch(text) is None:
        return None
    return int(text) if len(text) <= _MOST_DIGITS else 10**_MOST_DIGITS
