"""Encrypts by a symmetric key into a blob that names the key and its material, and reads such blobs. Pure.

| bytes | what they are                                                                        |
|-------|--------------------------------------------------------------------------------------|
| 2     | the form, 01 02                                                                      |
| 6     | the account of the key                                                               |
| 1     | 1 for a multi-Region key, whose id begins with `mrk-`; else 0                        |
| 16    | the key's id                                                                         |
| 8     | the first bytes of the id of the key material, of which a rotated key has several    |
| 12    | the nonce                                                                            |
| n+16  | AES-256-GCM; the bytes before the nonce and the encryption context are authenticated |
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

_FORM = b"\x01\x02"
_ID_BYTES = 16
_MATERIAL_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = len(_FORM) + 6 + 1 + _ID_BYTES + _MATERIAL_BYTES
_MULTI_REGION = "mrk-"


class Unreadable(Exception):
    """The blob is not one that `encrypt` made, was altered, or belongs to another encryption context."""


@dataclass(frozen=True, slots=True)
class CiphertextHead:
    account: str
    key_id: str
    material: str  # the first 16 digits of the material's id


def encrypt(
    secret: bytes, account: str, key_id: str, material: str, plaintext: bytes, context: Mapping[str, str]
) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    multi_region = key_id.startswith(_MULTI_REGION)
    head = (
        _FORM
        + int(account).to_bytes(6, "big")
        + bytes([multi_region])
        + bytes.fromhex(key_id.removeprefix(_MULTI_REGION).replace("-", ""))
        + bytes.fromhex(material)[:_MATERIAL_BYTES]
    )
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(secret).encrypt(nonce, plaintext, head + _written(context))


def decrypt(secret: bytes, blob: bytes, context: Mapping[str, str]) -> bytes:
    """Raises Unreadable."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head, rest = blob[:_HEAD_BYTES], blob[_HEAD_BYTES:]
    try:
        return AESGCM(secret).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], head + _written(context))
    except (InvalidTag, ValueError) as wrong:
        raise Unreadable from wrong


def read_head(blob: bytes) -> CiphertextHead:
    """Raises Unreadable."""
    if len(blob) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES or not blob.startswith(_FORM) or blob[8] > 1:
        raise Unreadable
    account = int.from_bytes(blob[2:8], "big")
    identity = blob[9 : 9 + _ID_BYTES]
    key_id = _MULTI_REGION + identity.hex() if blob[8] else str(UUID(bytes=identity))
    return CiphertextHead(f"{account:012d}", key_id, blob[9 + _ID_BYTES : _HEAD_BYTES].hex())


def _written(context: Mapping[str, str]) -> bytes:
    """Write the context unambiguously, in the order of its keys."""
    parts = bytearray()
    for pair in sorted(context.items()):
        for text in pair:
            encoded = text.encode("utf-8", "surrogatepass")
            parts += len(encoded).to_bytes(4, "big") + encoded
    return bytes(parts)
