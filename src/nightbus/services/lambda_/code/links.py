"""Makes and resolves the signed links by which clients download a function's code, like S3's presigned URLs.

The node answers `/_nightbus/lambda-code/<token>` with the file that `resolve_link` names.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import BinaryIO

from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.services.context import Context
from nightbus.store.interface import Store
from nightbus.store.vault import SIGNING, Vault

_VALID_MS = 600_000
_PATH = "/_nightbus/lambda-code/"


async def code_link(ctx: Context, digest: str) -> str:
    claims = json.dumps({"digest": digest, "until": ctx.now_ms() + _VALID_MS}).encode()
    signature = _signature(ctx.platform.vault, claims)
    return f"{ctx.call.endpoint.rstrip('/')}{_PATH}{_encode(claims)}.{_encode(signature)}"


async def resolve_link(store: Store, vault: Vault, clock: Clock, token: str) -> BinaryIO:
    """Open the zip file that a link's token names. The caller closes it.

    Raises AwsError for an invalid or expired token.
    """
    try:
        claims, signature = (_decode(part) for part in token.split("."))
    except (ValueError, binascii.Error):
        raise _denied() from None
    if not hmac.compare_digest(signature, _signature(vault, claims)):
        raise _denied()
    link = json.loads(claims)
    if link["until"] < clock.now_ms():
        raise AwsError("AccessDenied", "Request has expired", 403)
    try:
        return await store.open_blob(link["digest"])
    except KeyError:
        raise AwsError("NoSuchKey", "The specified key does not exist.", 404) from None


def _signature(vault: Vault, claims: bytes) -> bytes:
    return hmac.digest(vault.keyed(SIGNING), b"lambda-code:" + claims, hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _denied() -> AwsError:
    return AwsError("AccessDenied", "Access Denied", 403)
