"""Derives shared secrets: by ECDH with another party's public key, and by ML-KEM encapsulation."""

from __future__ import annotations

import asyncio
from typing import Any

from nightbus.keys import asymmetric
from nightbus.keys.directory import Key
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.specs import AGREE, ENCAPSULATE, algorithms_of
from nightbus.services.context import Context
from nightbus.services.kms.errors import dry_run as dry_run_error
from nightbus.services.kms.errors import invalid, invalid_ciphertext
from nightbus.services.kms.finding import usable_key
from nightbus.services.kms.signing import public_key as public_key_of


async def derive_shared_secret(
    ctx: Context,
    *,
    key_id: str,
    key_agreement_algorithm: str,
    public_key: bytes,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "DeriveSharedSecret", usage=AGREE, tokens=grant_tokens)
    _check(key, AGREE, key_agreement_algorithm)
    if dry_run:
        raise dry_run_error()
    secret = (await ctx.platform.keys.material(key)).secret()
    try:
        shared = await asyncio.to_thread(asymmetric.agree, secret, public_key)
    except asymmetric.Refused:
        raise invalid(f"The public key is not one of the curve {key.spec}.") from None
    return {
        "KeyId": key.arn,
        "SharedSecret": shared,
        "KeyAgreementAlgorithm": key_agreement_algorithm,
        "KeyOrigin": key.value["Origin"],
    }


async def encapsulate(
    ctx: Context,
    *,
    key_id: str,
    encapsulation_algorithm: str,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "Encapsulate", usage=ENCAPSULATE, tokens=grant_tokens)
    _check(key, ENCAPSULATE, encapsulation_algorithm)
    if dry_run:
        raise dry_run_error()
    shared, ciphertext = await asyncio.to_thread(asymmetric.encapsulate, public_key_of(key))
    return {
        "KeyId": key.arn,
        "SharedSecret": shared,
        "SharedSecretCiphertextBlob": ciphertext,
        "EncapsulationAlgorithm": encapsulation_algorithm,
    }


async def decapsulate(
    ctx: Context,
    *,
    key_id: str,
    encapsulation_algorithm: str,
    shared_secret_ciphertext_blob: bytes,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, "Decapsulate", usage=ENCAPSULATE, tokens=grant_tokens)
    _check(key, ENCAPSULATE, encapsulation_algorithm)
    if dry_run:
        raise dry_run_error()
    secret = (await ctx.platform.keys.material(key)).secret()
    try:
        shared = await asyncio.to_thread(asymmetric.decapsulate, secret, shared_secret_ciphertext_blob)
    except asymmetric.Refused:
        raise invalid_ciphertext() from None
    return {"KeyId": key.arn, "SharedSecret": shared, "EncapsulationAlgorithm": encapsulation_algorithm}


def _check(key: Key, usage: str, algorithm: str) -> None:
    if algorithm not in algorithms_of(key.spec, usage):
        raise wrong_algorithm(algorithm, key.spec)
