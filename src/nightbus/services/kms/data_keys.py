"""Makes data keys, key pairs and random bytes for clients that encrypt by themselves."""

from __future__ import annotations

import secrets
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.keys.errors import wrong_algorithm
from nightbus.keys.records import SYMMETRIC
from nightbus.keys.specs import SPECS, is_asymmetric
from nightbus.services.context import Context
from nightbus.services.kms.encryption import encrypted
from nightbus.services.kms.errors import dry_run as dry_run_error
from nightbus.services.kms.errors import invalid
from nightbus.services.kms.finding import usable_key
from nightbus.services.kms.keys import generated_key

_BYTES = {"AES_128": 16, "AES_256": 32}


async def generate_data_key(
    ctx: Context,
    *,
    key_id: str,
    encryption_context: dict[str, str] | None = None,
    number_of_bytes: int | None = None,
    key_spec: str | None = None,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    size = _size(number_of_bytes, key_spec)
    data_key = secrets.token_bytes(size)
    reply = await _sealed(
        ctx, "GenerateDataKey", key_id, data_key, encryption_context, grant_tokens, dry_run=dry_run
    )
    return {**reply, "Plaintext": data_key}


async def generate_data_key_without_plaintext(
    ctx: Context,
    *,
    key_id: str,
    encryption_context: dict[str, str] | None = None,
    number_of_bytes: int | None = None,
    key_spec: str | None = None,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    data_key = secrets.token_bytes(_size(number_of_bytes, key_spec))
    operation = "GenerateDataKeyWithoutPlaintext"
    return await _sealed(ctx, operation, key_id, data_key, encryption_context, grant_tokens, dry_run=dry_run)


async def generate_data_key_pair(
    ctx: Context,
    *,
    key_id: str,
    key_pair_spec: str,
    encryption_context: dict[str, str] | None = None,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    operation = "GenerateDataKeyPair"
    return await _key_pair(ctx, operation, key_id, key_pair_spec, encryption_context, grant_tokens, dry_run)


async def generate_data_key_pair_without_plaintext(
    ctx: Context,
    *,
    key_id: str,
    key_pair_spec: str,
    encryption_context: dict[str, str] | None = None,
    grant_tokens: list[str] | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    operation = "GenerateDataKeyPairWithoutPlaintext"
    reply = await _key_pair(ctx, operation, key_id, key_pair_spec, encryption_context, grant_tokens, dry_run)
    del reply["PrivateKeyPlaintext"]
    return reply


async def generate_random(ctx: Context, *, number_of_bytes: int | None = None) -> dict[str, Any]:
    if number_of_bytes is None:
        raise invalid("NumberOfBytes is required.")
    return {"Plaintext": secrets.token_bytes(number_of_bytes)}


def _size(number_of_bytes: int | None, key_spec: str | None) -> int:
    if (number_of_bytes is None) == (key_spec is None):
        raise invalid("Please specify either number of bytes or key spec.")
    return number_of_bytes if number_of_bytes is not None else _BYTES[str(key_spec)]


async def _key_pair(
    ctx: Context,
    operation: str,
    key_id: str,
    spec: str,
    context: dict[str, str] | None,
    tokens: list[str] | None,
    dry_run: bool,
) -> dict[str, Any]:
    if spec not in SPECS or not is_asymmetric(spec):
        raise not_supported("kms", operation, f"KeyPairSpec {spec}")
    await usable_key(ctx, key_id, operation, context=context, tokens=tokens)
    pair = await generated_key(operation, spec)
    reply = await _sealed(ctx, operation, key_id, pair.secret, context, tokens, dry_run=dry_run)
    return {
        "PrivateKeyCiphertextBlob": reply.pop("CiphertextBlob"),
        "PrivateKeyPlaintext": pair.secret,
        "PublicKey": pair.public,
        "KeyPairSpec": spec,
        **reply,
    }


async def _sealed(
    ctx: Context,
    operation: str,
    key_id: str,
    data_key: bytes,
    context: dict[str, str] | None,
    tokens: list[str] | None,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    key = await usable_key(ctx, key_id, operation, context=context, tokens=tokens)
    if key.spec != SYMMETRIC:
        raise wrong_algorithm(SYMMETRIC, key.spec)
    if dry_run:
        raise dry_run_error()
    blob = await encrypted(ctx, key, SYMMETRIC, data_key, context or {})
    return {"CiphertextBlob": blob, "KeyId": key.arn, "KeyMaterialId": key.value["Material"]}
