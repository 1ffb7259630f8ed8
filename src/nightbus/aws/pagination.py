"""Makes and reads the tokens with which a listing goes on: opaque to clients, and refused when altered."""

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
    """The key that `encode_token` was given. Raises `error` when the token is not one of ours."""
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
    """One page of `items` (sorted by `key`) and the token of the next, or None at the end."""
    after = decode_token(token, error) if token else None
    rest = [item for item in items if after is None or key(item) > after]
    chosen = rest[:limit]
    return chosen, encode_token(key(chosen[-1])) if len(rest) > limit and chosen else None
