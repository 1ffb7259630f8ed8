"""Keeps the RSA keys that sign digest files, and answers ListPublicKeys.

A node makes one key, with the first digest. The private half is sealed by the vault; where the vault does not open it
any more (the folder was restored without its key) a new key follows, and the public half of the old one stays.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nightbus.services.context import Context, Platform
from nightbus.store.interface import SYSTEM, PutRecord
from nightbus.store.vault import VaultClosed

ALGORITHM = "SHA256withRSA"
_RECORD = "cloudtrail/signing-key"
_BITS = 2048
_VALID_MS = 10 * 365 * 24 * 3_600_000
_EARLIER_MS = 24 * 3_600_000  # validate-logs asks for the keys of a time that begins before the first digest


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`fingerprint` names the public half in digests; `private` is the private half as DER (PKCS #8)."""

    fingerprint: str
    private: bytes

    async def sign(self, text: bytes) -> str:
        """Return the signature in hexadecimal digits."""
        return await asyncio.to_thread(self._sign, text)

    def _sign(self, text: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        key = load_der_private_key(self.private, None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the key that signs digests is not an RSA key")
        return key.sign(text, padding.PKCS1v15(), SHA256()).hex()


async def signing_key(platform: Platform) -> SigningKey:
    """Return the node's key; make it where there is none that the vault opens."""
    kept = await platform.store.list(SYSTEM, _RECORD)
    for record in sorted(kept, key=lambda one: -int(one.value["created"])):
        try:
            private = await asyncio.to_thread(platform.vault.open, record.value["sealed"])
        except VaultClosed:
            continue
        return SigningKey(record.key, private)
    private, public = await asyncio.to_thread(_new_key)
    fingerprint = hashlib.md5(public, usedforsecurity=False).hexdigest()
    value = {
        "public": base64.b64encode(public).decode(),
        "sealed": await asyncio.to_thread(platform.vault.seal, private),
        "created": platform.clock.now_ms(),
    }
    await platform.store.commit(PutRecord(SYSTEM, _RECORD, fingerprint, value, expect=0))
    return SigningKey(fingerprint, private)


async def list_public_keys(
    ctx: Context,
    *,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    """Return the keys that were valid at some time between the two, now without them. There is one page."""
    now = datetime.fromtimestamp(ctx.now_ms() / 1000, UTC)
    start, end = (_aware(one) if one is not None else now for one in (start_time, end_time))
    keys = []
    for record in await ctx.store.list(SYSTEM, _RECORD):
        created = record.value["created"]
        first, last = (
            datetime.fromtimestamp(time / 1000, UTC) for time in (created - _EARLIER_MS, created + _VALID_MS)
        )
        if first <= end and last >= start:
            key = {"Value": base64.b64decode(record.value["public"]), "Fingerprint": record.key}
            keys.append({**key, "ValidityStartTime": first, "ValidityEndTime": last})
    return {"PublicKeyList": keys}


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _new_key() -> tuple[bytes, bytes]:
    """Return the private half as DER (PKCS #8), and the public half as DER (PKCS #1), as CloudTrail shows it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, _BITS)
    private = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return private, public
