"""How does an IAM listing come in pages? By markers, which are opaque and say after which key to go on."""

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
    """One page of `items`, sorted by `key`, as the output of a List operation."""
    wrong = AwsError("ValidationError", "Invalid Marker.")
    chosen, following = page(sorted(items, key=key), key, limit, marker, wrong)
    return {member: chosen, "IsTruncated": following is not None, "Marker": following}


def itself(text: str) -> str:
    return text
