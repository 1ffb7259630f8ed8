"""Reads and writes the values of versions: which one a request gives, and how it is encrypted.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.identity.secrets import VERSION, opened_value, secret_arn, version_key
from nightbus.services import envelopes
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import access_denied, invalid_parameter, no_value
from nightbus.services.secretsmanager.records import Secret
from nightbus.store.interface import PutRecord
from nightbus.store.vault import VaultClosed

DEFAULT_KEY = "alias/aws/secretsmanager"
_DENIED = "AccessDeniedException"


def secret_value(text: str | None, data: bytes | None) -> str | bytes | None:
    """Return the value of a request, None without one. Raises AwsError for two."""
    if text is not None and data is not None:
        raise invalid_parameter(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    return data if text is None else text


async def put_value(
    ctx: Context, secret: Secret, version_id: str, value: str | bytes, *, scope: Scope, key: str
) -> PutRecord:
    """Return the change that stores the value of a version in `scope`, encrypted with a key of that region."""
    arn = secret_arn(scope, secret.name, secret.value["suffix"])
    data = value.encode() if isinstance(value, str) else value
    try:
        encrypted = await envelopes.encrypted(
            _in(ctx, scope), key or DEFAULT_KEY, data, _context(arn, version_id)
        )
    except AwsError as error:
        if error.code == _DENIED:
            raise access_denied("Access to KMS is not allowed") from error
        raise AwsError(
            "EncryptionFailure", f"Secrets Manager can't encrypt the protected secret text: {error.message}"
        ) from error
    stored = {"binary": isinstance(value, bytes), "envelope": encrypted}
    return PutRecord(scope, VERSION, version_key(secret.name, version_id), stored)


def _context(arn: str, version_id: str) -> dict[str, str]:
    return {"SecretARN": arn, "SecretVersionId": version_id}


def _in(ctx: Context, scope: Scope) -> Context:
    """Return the context in another scope: keys are named in the secret's account and region."""
    return Context(replace(ctx.call, scope=scope), ctx.platform, ctx.handles)


async def has_stored_value(ctx: Context, secret: Secret, version_id: str) -> bool:
    key = version_key(secret.name, version_id)
    return await ctx.store.get(secret.scope, VERSION, key) is not None


async def read_value(ctx: Context, secret: Secret, version_id: str) -> str | bytes:
    """Raises AwsError if the version has no value, or it cannot be decrypted."""
    record = await ctx.store.get(secret.scope, VERSION, version_key(secret.name, version_id))
    if record is None:
        raise no_value(f"VersionId: {version_id}")
    try:
        if "envelope" not in record.value:  # a managed secret's
            return await opened_value(ctx.platform.vault, record.value)
        data = await envelopes.decrypted(
            _in(ctx, secret.scope), record.value["envelope"], _context(secret.arn, version_id)
        )
    except (VaultClosed, AwsError) as closed:
        if isinstance(closed, AwsError) and closed.code == _DENIED:
            raise access_denied("Access to KMS is not allowed") from closed
        raise AwsError(
            "DecryptionFailure", f"Secrets Manager can't decrypt the protected secret text: {closed}"
        ) from closed
    return data if record.value["binary"] else data.decode()


async def has_value(ctx: Context, secret: Secret, version_id: str, value: str | bytes) -> bool:
    """Return whether the version is there with this value."""
    return (
        version_id in secret.versions
        and await has_stored_value(ctx, secret, version_id)
        and await read_value(ctx, secret, version_id) == value
    )


def value_reply(value: str | bytes) -> dict[str, Any]:
    return {"SecretString": value} if isinstance(value, str) else {"SecretBinary": value}
