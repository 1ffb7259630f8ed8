"""Encrypts, decrypts and re-encrypts: by symmetric keys with an encryption context, by RSA keys with OAEP."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.keys import asymmetric
from nightbus.keys.ciphertexts import CiphertextHead, Unreadable, read_head
from nightbus.keys.ciphertexts import decrypt as open_blob
from nightbus.keys.ciphertexts import encrypt as make_blob
from nightbus.keys.directory import Key
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.records import SYMMETRIC
from nightbus.keys.specs import ENCRYPT, algorithms_of
from nightbus.services.context import Context
from nightbus.services.kms.errors import dry_run as dry_run_error
from nightbus.services.kms.errors import incorrect_key, invalid, invalid_ciphertext, unknown_ciphertext
from nightbus.services.kms.finding import usable_key


async def encrypt(
    ctx: Context,
    *,
    key_id: str,
    plaintext: bytes,
    encryption_context: dict[str, str] | None = None,
    grant_tokens: list[str] | None = None,
    encryption_algorithm: str = SYMMETRIC,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "Encrypt", context=encryption_context, tokens=grant_tokens)
    _check_algorithm(key, encryption_algorithm, encryption_context)
    if dry_run:
        raise dry_run_error()
    blob = await encrypted(ctx, key, encryption_algorithm, plaintext, encryption_context or {})
    return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": encryption_algorithm}


async def decrypt(
    ctx: Context,
    *,
    ciphertext_blob: bytes | None = None,
    encryption_context: dict[str, str] | None = None,
    grant_tokens: list[str] | None = None,
    key_id: str | None = None,
    encryption_algorithm: str = SYMMETRIC,
    dry_run: bool = False,
) -> dict[str, Any]:
    if ciphertext_blob is None:
        raise invalid(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must not be null"
        )
    key, plaintext, material = await _decrypted(
        ctx,
        "Decrypt",
        "kms:Decrypt",
        ciphertext_blob,
        key_id,
        encryption_algorithm,
        encryption_context,
        grant_tokens,
    )
    if dry_run:
        raise dry_run_error()
    reply = {"KeyId": key.arn, "Plaintext": plaintext, "EncryptionAlgorithm": encryption_algorithm}
    return {**reply, "KeyMaterialId": material} if material else reply


async def re_encrypt(
    ctx: Context,
    *,
    destination_key_id: str,
    ciphertext_blob: bytes | None = None,
    source_encryption_context: dict[str, str] | None = None,
    source_key_id: str | None = None,
    destination_encryption_context: dict[str, str] | None = None,
    source_encryption_algorithm: str = SYMMETRIC,
    destination_encryption_algorithm: str = SYMMETRIC,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    if ciphertext_blob is None:
        raise invalid(
            "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
            "Member must not be null"
        )
    source, plaintext, former = await _decrypted(
        ctx, "ReEncrypt", "kms:ReEncryptFrom", ciphertext_blob, source_key_id, source_encryption_algorithm,
        source_encryption_context, grant_tokens,
    )  # fmt: skip
    context = destination_encryption_context
    key = await usable_key(
        ctx, destination_key_id, "ReEncrypt", action="kms:ReEncryptTo", context=context, tokens=grant_tokens
    )
    _check_algorithm(key, destination_encryption_algorithm, context)
    if dry_run:
        raise dry_run_error()
    blob = await encrypted(ctx, key, destination_encryption_algorithm, plaintext, context or {})
    reply = {
        "CiphertextBlob": blob,
        "SourceKeyId": source.arn,
        "KeyId": key.arn,
        "SourceEncryptionAlgorithm": source_encryption_algorithm,
        "DestinationEncryptionAlgorithm": destination_encryption_algorithm,
    }
    if former:
        reply["SourceKeyMaterialId"] = former
    if key.spec == SYMMETRIC:
        reply["DestinationKeyMaterialId"] = key.value["Material"]
    return reply


async def encrypted(
    ctx: Context, key: Key, algorithm: str, plaintext: bytes, context: Mapping[str, str]
) -> bytes:
    """Return the blob of a plaintext under a usable key. Raises AwsError where it is too long for an RSA key."""
    if key.spec == SYMMETRIC:
        material = await ctx.platform.keys.material(key)
        secret = material.secret()
        return make_blob(secret, key.scope.account, key.id, material.current, plaintext, context)
    public = base64.b64decode(key.value["PublicKey"])
    try:
        return await asyncio.to_thread(asymmetric.encrypt, public, algorithm, plaintext)
    except asymmetric.Refused:
        longest = int(key.spec.removeprefix("RSA_")) // 8 - (42 if algorithm.endswith("SHA_1") else 66)
        raise invalid(
            f"Algorithm {algorithm} and key spec {key.spec} cannot encrypt data larger than {longest} bytes."
        ) from None


async def _decrypted(
    ctx: Context,
    operation: str,
    action: str,
    blob: bytes,
    key_id: str | None,
    algorithm: str,
    context: Mapping[str, str] | None,
    tokens: list[str] | None,
) -> tuple[Key, bytes, str]:
    """Return the key, the plaintext, and the id of the material where it is a symmetric key's."""
    if algorithm != SYMMETRIC:
        return await _decrypted_by_rsa(ctx, operation, action, blob, key_id, algorithm, context, tokens)
    try:
        head = read_head(blob)
    except Unreadable:
        if key_id is not None:
            await usable_key(ctx, key_id, operation, action=action, context=context, tokens=tokens)
        raise invalid_ciphertext() from None
    key = await _key_of(ctx, head, operation, action, key_id, context, tokens)
    found = (await ctx.platform.keys.material(key)).beginning_with(head.material)
    if found is None:
        raise invalid_ciphertext()
    material, secret = found
    try:
        return key, open_blob(secret, blob, context or {}), material
    except Unreadable:
        raise invalid_ciphertext() from None


async def _key_of(
    ctx: Context,
    head: CiphertextHead,
    operation: str,
    action: str,
    key_id: str | None,
    context: Mapping[str, str] | None,
    tokens: list[str] | None,
) -> Key:
    """Return the key that the blob names, which must be the one that the request names, if it names one."""
    if key_id is not None:
        key = await usable_key(ctx, key_id, operation, action=action, context=context, tokens=tokens)
        if (key.scope.account, key.id) != (head.account, head.key_id):
            raise incorrect_key()
        _check_algorithm(key, SYMMETRIC, context)
        return key
    scope = Scope(head.account, ctx.region)
    if await ctx.platform.keys.by_id(scope, head.key_id) is None:
        raise unknown_ciphertext()
    arn = f"arn:aws:kms:{scope.region}:{scope.account}:key/{head.key_id}"
    return await usable_key(ctx, arn, operation, action=action, context=context, tokens=tokens)


async def _decrypted_by_rsa(
    ctx: Context,
    operation: str,
    action: str,
    blob: bytes,
    key_id: str | None,
    algorithm: str,
    context: Mapping[str, str] | None,
    tokens: list[str] | None,
) -> tuple[Key, bytes, str]:
    if key_id is None:
        raise invalid("KeyId is required when the ciphertext was encrypted under an asymmetric KMS key.")
    key = await usable_key(ctx, key_id, operation, action=action, context=context, tokens=tokens)
    _check_algorithm(key, algorithm, context)
    secret = (await ctx.platform.keys.material(key)).secret()
    try:
        return key, await asyncio.to_thread(asymmetric.decrypt, secret, algorithm, blob), ""
    except asymmetric.Refused:
        raise invalid_ciphertext() from None


def _check_algorithm(key: Key, algorithm: str, context: Mapping[str, str] | None) -> None:
    if algorithm == "SM2PKE":
        raise not_supported("kms", "Encrypt", "EncryptionAlgorithm SM2PKE")
    if algorithm not in algorithms_of(key.spec, ENCRYPT):
        raise wrong_algorithm(algorithm, key.spec)
    if context and algorithm != SYMMETRIC:
        raise invalid("EncryptionContext is not supported with asymmetric encryption algorithms.")
