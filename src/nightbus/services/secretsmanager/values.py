"""Reads and writes the values of versions: which one a request gives, and how it is encrypted."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.identity.secrets import VERSION, opened_value, sealed_value, version_key
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_parameter
from nightbus.services.secretsmanager.records import Secret
from nightbus.store.interface import PutRecord, Record
from nightbus.store.vault import VaultClosed


def secret_value(text: str | None, data: bytes | None) -> str | bytes | None:
    """Return the value of a request, None without one. Raises AwsError for two."""
    if text is not None and data is not None:
        raise invalid_parameter(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    return data if text is None else text


async def put_value(ctx: Context, secret: Secret, version_id: str, value: str | bytes) -> PutRecord:
    """Return the change that stores the value of a new version."""
    stored = await sealed_value(ctx.platform.vault, value)
    return PutRecord(secret.scope, VERSION, version_key(secret.name, version_id), stored, expect=0)


async def value_record(ctx: Context, secret: Secret, version_id: str) -> Record | None:
    return await ctx.store.get(secret.scope, VERSION, version_key(secret.name, version_id))


async def read_value(ctx: Context, secret: Secret, version_id: str) -> str | bytes:
    """Raises AwsError if the version has no value, or it cannot be decrypted."""
    record = await value_record(ctx, secret, version_id)
    try:
        if record is None:
            raise VaultClosed(f"version {version_id} is not stored")
        return await opened_value(ctx.platform.vault, record.value)
    except VaultClosed as closed:
        raise AwsError(
            "DecryptionFailure", f"Secrets Manager can't decrypt the protected secret text: {closed}."
        ) from closed


async def has_value(ctx: Context, secret: Secret, version_id: str, value: str | bytes) -> bool:
    """Return whether the version is there with this value."""
    return version_id in secret.versions and await read_value(ctx, secret, version_id) == value


def value_reply(value: str | bytes) -> dict[str, Any]:
    return {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
