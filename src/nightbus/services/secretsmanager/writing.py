"""Answers PutSecretValue and UpdateSecret, which give a secret a new version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.identity.secrets import CURRENT
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_request, limit_exceeded, token_in_use
from nightbus.services.secretsmanager.records import Secret, find_secret
from nightbus.services.secretsmanager.storing import save
from nightbus.services.secretsmanager.values import has_stored_value, has_value, read_value, secret_value
from nightbus.services.secretsmanager.versions import MOST_LABELS, add_version, take_deprecated


async def put_secret_value(
    ctx: Context,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    secret_binary: bytes | None = None,
    secret_string: str | None = None,
    version_stages: list[str] | None = None,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "PutSecretValue", to_change=True)
    value = secret_value(secret_string, secret_binary)
    if value is None:
        raise invalid_request("You must provide either SecretString or SecretBinary.")
    token = client_request_token or new_uuid()
    labels = version_stages or [CURRENT]
    if not await _is_repeated(ctx, secret, token, value):
        add_value(ctx, secret, token, value, labels)
        await save(ctx, secret)
    stages = secret.versions[token]["stages"]
    return {**secret.named(), "VersionId": token, "VersionStages": list(stages)}


async def update_secret(
    ctx: Context,
    *,
    secret_id: str,
    client_request_token: str | None = None,
    description: str | None = None,
    kms_key_id: str | None = None,
    secret_binary: bytes | None = None,
    secret_string: str | None = None,
) -> dict[str, Any]:
    secret = await find_secret(ctx, secret_id, "UpdateSecret", to_change=True)
    value = secret_value(secret_string, secret_binary)
    if description is not None:
        secret.value["description"] = description
    if kms_key_id is not None and kms_key_id != secret.value["key"]:
        await _encrypt_anew(ctx, secret, kms_key_id)
    secret.value["changed"] = ctx.now_ms()
    if value is None:
        await save(ctx, secret)
        return secret.named()
    token = client_request_token or new_uuid()
    if not await _is_repeated(ctx, secret, token, value):
        add_value(ctx, secret, token, value, [CURRENT])
    await save(ctx, secret)
    return {**secret.named(), "VersionId": token}


async def _encrypt_anew(ctx: Context, secret: Secret, key: str) -> None:
    """Give the secret another key, which encrypts the versions that have labels anew."""
    for version_id, version in secret.versions.items():
        if version["stages"] and await has_stored_value(ctx, secret, version_id):
            secret.new_values[version_id] = await read_value(ctx, secret, version_id)
            version["key"] = key
    secret.value["key"] = key


async def _is_repeated(ctx: Context, secret: Secret, token: str, value: str | bytes) -> bool:
    """Return whether the version is there already. Raises AwsError if it has another value."""
    if token not in secret.versions or not await has_stored_value(ctx, secret, token):
        return False
    if not await has_value(ctx, secret, token, value):
        raise token_in_use(token, secret.arn)
    return True


def add_value(ctx: Context, secret: Secret, token: str, value: str | bytes, labels: Sequence[str]) -> None:
    """Add the version `token` to the secret, which is to be saved then."""
    now = ctx.now_ms()
    if len(set(labels)) > MOST_LABELS:
        raise limit_exceeded(f"A secret version can have a maximum of {MOST_LABELS} staging labels.")
    secret.new_values[token] = value
    add_version(secret.versions, token, labels, now, secret.value["key"])
    secret.value["changed"] = now
    secret.gone += take_deprecated(secret.versions, now)
