"""Answers PutSecretValue and UpdateSecret, which give a secret a new version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.identity.secrets import CURRENT, VERSION, version_key
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import invalid_request, token_in_use
from nightbus.services.secretsmanager.records import Secret, find_secret
from nightbus.services.secretsmanager.values import has_value, put_value, secret_value
from nightbus.services.secretsmanager.versions import add_version, take_deprecated
from nightbus.store.interface import Change, DeleteRecord


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
    if not await _is_repeated(ctx, secret, token, value):
        await ctx.store.commit(
            *await add_value(ctx, secret, token, value, version_stages or [CURRENT]), secret.put()
        )
    stages = secret.versions[token]["stages"]
    return {**secret.named(), "VersionId": token, "VersionStages": stages}


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
    if kms_key_id is not None:
        secret.value["key"] = kms_key_id
    secret.value["changed"] = ctx.now_ms()
    if value is None:
        await ctx.store.commit(secret.put())
        return secret.named()
    token = client_request_token or new_uuid()
    changes: list[Change] = []
    if not await _is_repeated(ctx, secret, token, value):
        changes = await add_value(ctx, secret, token, value, [CURRENT])
    await ctx.store.commit(*changes, secret.put())
    return {**secret.named(), "VersionId": token}


async def _is_repeated(ctx: Context, secret: Secret, token: str, value: str | bytes) -> bool:
    """Return whether the version is there already. Raises AwsError if it has another value."""
    if token not in secret.versions:
        return False
    if not await has_value(ctx, secret, token, value):
        raise token_in_use(token, secret.arn)
    return True


async def add_value(
    ctx: Context, secret: Secret, token: str, value: str | bytes, labels: Sequence[str]
) -> list[Change]:
    """Add the version `token` to the secret's value, and return the changes of the values of versions."""
    now = ctx.now_ms()
    put = await put_value(ctx, secret, token, value)
    add_version(secret.versions, token, labels, now, secret.value["key"])
    secret.value["changed"] = now
    gone = take_deprecated(secret.versions, now)
    return [
        put,
        *(DeleteRecord(secret.scope, VERSION, version_key(secret.name, one)) for one in gone),
    ]
