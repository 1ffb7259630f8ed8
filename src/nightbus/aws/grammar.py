"""Says what regions and account ids look like, wherever a caller names one, and which account is the default."""

from __future__ import annotations

import re

DEFAULT_ACCOUNT = "000000000000"  # whose a request is that names no account
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_ACCOUNT = re.compile(r"[0-9]{12}")


def is_region(text: str) -> bool:
    """`us-east-1`, and what tools call their own (`local`): up to 32 lower-case letters, digits and hyphens."""
    return _REGION.fullmatch(text) is not None


def is_account(text: str) -> bool:
    """Twelve ASCII digits."""
    return _ACCOUNT.fullmatch(text) is not None
