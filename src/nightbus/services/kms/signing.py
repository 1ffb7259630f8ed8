"""Signs and verifies by asymmetric keys, makes and verifies MACs, and shows public keys."""

from __future__ import annotations

import asyncio
import base64
import hmac
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.keys import asymmetric
from nightbus.keys.directory import Key
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.specs import ALGORITHMS_OF_USAGE, MAC, SIGN, algorithms_of, is_asymmetric
from nightbus.services.context import Context
from nightbus.services.kms.access import authorize
from nightbus.services.kms.errors import dry_run as dry_run_error
from nightbus.services.kms.errors import invalid, unsupported_operation
from nightbus.services.kms.finding import usable_key

RAW, DIGEST, EXTERNAL_MU = "RAW", "DIGEST", "EXTERNAL_MU"
_MU_BYTES = 64


async def sign(
    ctx: Context,
    *,
    key_id: str,
    message: bytes,
    signing_algorithm: str,
    message_type: str = RAW,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "Sign", usage=SIGN, tokens=grant_tokens)
    _check_signing("Sign", key, signing_algorithm, message, message_type)
    if dry_run:
        raise dry_run_error()
    secret = (await ctx.platform.keys.material(key)).secret()
    signature = await asyncio.to_thread(asymmetric.sign, secret, signing_algorithm, message, message_type)
    return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": signing_algorithm}


async def verify(
    ctx: Context,
    *,
    key_id: str,
    message: bytes,
    signature: bytes,
    signing_algorithm: str,
    message_type: str = RAW,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "Verify", usage=SIGN, tokens=grant_tokens)
    _check_signing("Verify", key, signing_algorithm, message, message_type)
    if dry_run:
        raise dry_run_error()
    if not await asyncio.to_thread(
        asymmetric.is_valid, public_key(key), signing_algorithm, message, message_type, signature
    ):
        raise AwsError("KMSInvalidSignatureException", "")
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": signing_algorithm}


def _check_signing(operation: str, key: Key, algorithm: str, message: bytes, message_type: str) -> None:
    if algorithm not in algorithms_of(key.spec, SIGN):
        raise wrong_algorithm(algorithm, key.spec)
    if algorithm == "ED25519_PH_SHA_512":  # `cryptography` has no prehashed Ed25519
        raise not_supported("kms", operation, f"SigningAlgorithm {algorithm}")
    lattice = algorithm.startswith("ML_DSA")
    allowed = (RAW, EXTERNAL_MU) if lattice else (RAW,) if algorithm.startswith("ED25519") else (RAW, DIGEST)
    if message_type not in allowed:
        raise invalid(f"MessageType {message_type} is not valid for algorithm {algorithm}.")
    wanted = {RAW: None, EXTERNAL_MU: _MU_BYTES}.get(message_type, 0)
    if wanted == 0:
        wanted = asymmetric.digest_bytes(algorithm)
    if wanted is not None and len(message) != wanted:
        raise invalid(f"Digest is invalid length for algorithm {algorithm}.")


async def generate_mac(
    ctx: Context,
    *,
    key_id: str,
    message: bytes,
    mac_algorithm: str,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key, mac = await _mac(ctx, "GenerateMac", key_id, message, mac_algorithm, grant_tokens)
    if dry_run:
        raise dry_run_error()
    return {"Mac": mac, "MacAlgorithm": mac_algorithm, "KeyId": key.arn}


async def verify_mac(
    ctx: Context,
    *,
    key_id: str,
    message: bytes,
    mac_algorithm: str,
    mac: bytes,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key, expected = await _mac(ctx, "VerifyMac", key_id, message, mac_algorithm, grant_tokens)
    if dry_run:
        raise dry_run_error()
    if not hmac.compare_digest(expected, mac):
        raise AwsError("KMSInvalidMacException", "")
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": mac_algorithm}


async def _mac(
    ctx: Context, operation: str, key_id: str, message: bytes, algorithm: str, tokens: list[str] | None
) -> tuple[Key, bytes]:
    key = await usable_key(ctx, key_id, operation, usage=MAC, tokens=tokens)
    if algorithm not in algorithms_of(key.spec, MAC):
        raise wrong_algorithm(algorithm, key.spec)
    secret = (await ctx.platform.keys.material(key)).secret()
    return key, hmac.digest(secret, message, f"sha{algorithm[-3:]}")


async def get_public_key(
    ctx: Context, *, key_id: str, grant_tokens: list[str] | None = None
) -> dict[str, Any]:
    key = await ctx.platform.keys.find(ctx.scope, key_id)
    await authorize(ctx, key, "kms:GetPublicKey", tokens=grant_tokens)
    if not is_asymmetric(key.spec):
        raise unsupported_operation(f"{key.arn} is not an asymmetric KMS key.")
    ctx.platform.keys.require_usable(key, "GetPublicKey", key.usage)
    return {
        "KeyId": key.arn,
        "PublicKey": public_key(key),
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "KeyUsage": key.usage,
        ALGORITHMS_OF_USAGE[key.usage]: list(algorithms_of(key.spec, key.usage)),
    }


def public_key(key: Key) -> bytes:
    return base64.b64decode(key.value["PublicKey"])
