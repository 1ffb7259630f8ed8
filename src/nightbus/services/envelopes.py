"""Encrypts what a service keeps with a data key of KMS, which is stored encrypted beside it (envelope encryption).

The caller of the operation needs the key's permission, as on AWS, where services use keys in their callers' names.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

from nightbus.services.context import Context

_NONCE_BYTES = 12


async def encrypted(ctx: Context, key: str, data: bytes, context: Mapping[str, str]) -> dict[str, str]:
    """Return the data as it is stored. `key` is a key's id, ARN or alias. Raises KMS's AwsError."""
    # The library is imported where it is used: most nodes keep nothing encrypted.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data_key = await ctx.operation(
        "kms", "GenerateDataKey", KeyId=key, KeySpec="AES_256", EncryptionContext=dict(context)
    )
    nonce = secrets.token_bytes(_NONCE_BYTES)
    text = nonce + AESGCM(data_key["Plaintext"]).encrypt(nonce, data, None)
    return {"key": _text(data_key["CiphertextBlob"]), "data": _text(text)}


async def decrypted(ctx: Context, stored: Mapping[str, Any], context: Mapping[str, str]) -> bytes:
    """Return what `encrypted` has stored. Raises KMS's AwsError."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data_key = await ctx.operation(
        "kms", "Decrypt", CiphertextBlob=base64.b64decode(stored["key"]), EncryptionContext=dict(context)
    )
    data = base64.b64decode(stored["data"])
    return AESGCM(data_key["Plaintext"]).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], None)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
