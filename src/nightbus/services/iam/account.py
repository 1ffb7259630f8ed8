"""Answers the operations on settings of the account, which has no alias."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.iam.listing import DEFAULT_PAGE


async def list_account_aliases(
    ctx: Context, *, marker: str | None = None, max_items: int = DEFAULT_PAGE
) -> dict[str, Any]:
    return {"AccountAliases": [], "IsTruncated": False}
