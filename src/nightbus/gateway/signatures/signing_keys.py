"""Derives signing keys and computes signatures. A key belongs to a secret, a day, a region and a service.

hashlib gives up Python's lock for texts of 2,048 bytes and more, and `hmac.digest` for any; the thread that writes may
then hold it for milliseconds. So the hashes of requests are computed here in smaller pieces.
"""

from __future__ import annotations

import hashlib
import hmac

from nightbus.bounded import Bounded

TERMINATOR = "aws4_request"
_MOST_KEYS = 4096
_PIECE = 2047  # bytes, which hashlib takes without giving up the lock
_BLOCK = 64
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class SigningKey:
    """A key of HMAC-SHA256 (RFC 2104), of which the first block is hashed already."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """`key` has at most 64 bytes."""
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def signature(self, to_sign: str) -> str:
        """Return the signature in lower-case hexadecimal digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(to_sign.encode("latin-1", "replace"))
        outer.update(inner.digest())
        return outer.hexdigest()


class SigningKeys:
    """Remembers the keys that it derived: four digests are half of the work of a verification."""

    def __init__(self) -> None:
        self._keys: Bounded[tuple[str, str, str, str], SigningKey] = Bounded(_MOST_KEYS)

    def key(self, secret: str, date: str, region: str, service: str) -> SigningKey:
        """Return the signing key. `date` is YYYYMMDD."""
        name = (secret, date, region, service)
        known = self._keys.get(name)
        if known is None:
            key = f"AWS4{secret}".encode()
            for part in (date, region, service, TERMINATOR):
                key = hmac.digest(key, part.encode(), hashlib.sha256)
            known = self._keys[name] = SigningKey(key)
        return known

    def in_memory(self) -> dict[str, int]:
        return {"signing keys": len(self._keys)}


def sha256(data: bytes) -> str:
    """Return the hash in lower-case hexadecimal digits."""
    if len(data) <= _PIECE:
        return hashlib.sha256(data).hexdigest()
    digest, view = hashlib.sha256(), memoryview(data)
    for at in range(0, len(data), _PIECE):
        digest.update(view[at : at + _PIECE])
    return digest.hexdigest()


def is_same(computed: str, provided: str) -> bool:
    """Compare in constant time. Unlike `hmac.compare_digest` it takes any text."""
    return hmac.compare_digest(computed.encode(), provided.encode("utf-8", "replace"))
