"""Derives signing keys and computes signatures. A key belongs to a secret, a day, a region and a service."""

from __future__ import annotations

import hashlib
import hmac

from nightbus.bounded import Bounded

TERMINATOR = "aws4_request"
_MOST_KEYS = 4096


class SigningKeys:
    """Remembers the keys that it derived: four digests are half of the work of a verification."""

    def __init__(self) -> None:
        self._keys: Bounded[tuple[str, str, str, str], bytes] = Bounded(_MOST_KEYS)

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, secret: str, date: str, region: str, service: str) -> bytes:
        """Return the signing key. `date` is YYYYMMDD."""
        name = (secret, date, region, service)
        known = self._keys.get(name)
        if known is None:
            known = f"AWS4{secret}".encode()
            for part in (date, region, service, TERMINATOR):
                known = hmac.digest(known, part.encode(), hashlib.sha256)
            self._keys[name] = known
        return known

    def in_memory(self) -> dict[str, int]:
        return {"signing keys": len(self._keys)}


def signature(key: bytes, to_sign: str) -> str:
    """Return the signature in lower-case hexadecimal digits."""
    return hmac.digest(key, to_sign.encode("latin-1", "replace"), hashlib.sha256).hex()


def is_same(computed: str, provided: str) -> bool:
    """Compare in constant time. Unlike `hmac.compare_digest` it takes any text."""
    return hmac.compare_digest(computed.encode(), provided.encode("utf-8", "replace"))
