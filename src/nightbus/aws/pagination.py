"""Makes and reads pagination tokens, which are opaque to clients and refused if a client has altered them."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from nightbus.aws.errors import AwsError

T = TypeVar("T")


def encode_token(after: str) -> str:
    raw = after.encode()
    return base64.urlsafe_b64encode(zlib.crc32(raw).to_bytes(4, "big") + raw).decode().rstrip("=")


def decode_token(token: str, error: AwsError) -> str:
    """Return the key that the token stands for. Raises `error` if `encode_token` has not made the token."""
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        raw = data[4:]
        if len(data) < 4 or zlib.crc32(raw).to_bytes(4, "big") != data[:4]:
            raise error
        return raw.decode()
    except (binascii.Error, ValueError) as broken:
        raise error from broken


def page(
    items: Sequence[T], key: Callable[[T], str], limit: int, token: str | None, error: AwsError
) -> tuple[list[T], str | None]:
    """Return one page of `items`, which are sorted by `key`, and the token of the next page, None at the end.

    `limit` is the largest number of items of a page. Raises `error` for an invalid token.
    """
    after = decode_token(token, error) if token else None
    following = [item for item in items if after is None or key(item) > after]
    chosen = following[:limit]
    return chosen, encode_token(key(chosen[-1])) if len(following) > limit and chosen else None
