"""Cuts IAM's listings into pages. A page's marker is an opaque token of the key after which the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page

T = TypeVar("T")
DEFAULT_PAGE = 100


def listing(
    member: str, items: Sequence[T], key: Callable[[T], str], limit: int, marker: str | None
) -> dict[str, Any]:
    """Return one page of `items`, sorted by `key`, as the output of a List operation.

    `member` is the output's member for the items, `limit` the largest number of items of a page.
    """
    wrong = AwsError("ValidationError", "Invalid Marker.")
    page_items, following = page(sorted(items, key=key), key, limit, marker, wrong)
    return {member: page_items, "IsTruncated": following is not None, "Marker": following}


def itself(text: str) -> str:
    return text
