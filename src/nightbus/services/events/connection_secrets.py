"""Keeps the authorization parameters of connections in secrets of Secrets Manager, which EventBridge manages.

A secret's value is the JSON text of AuthParameters, as CreateConnection took them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.delivery.api_destinations.connections import CONNECTION, secret_name
from nightbus.identity.principals import ROLE
from nightbus.identity.secrets import delete_managed_secret, put_managed_secret, sealed_value, secret_arn
from nightbus.services.context import Context, Platform
from nightbus.store.interface import Change, PutRecord, Record
from nightbus.store.upkeep import one_of_many

_OWNER = "events"
_ROLE = "awsserviceroleforamazoneventbridgeapidestinations"
_ROLE_SERVICE = "apidestinations.events.amazonaws.com"
_EVERY_SECONDS = 24 * 60 * 60.0


async def ensure_role(ctx: Context) -> None:
    """Make the role in which EventBridge uses secrets, in the caller's name, unless the account has it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/using-service-linked-roles-service-action-1.html
    """
    if await ctx.store.get(ctx.global_scope, ROLE, _ROLE) is None:
        try:
            await ctx.operation("iam", "CreateServiceLinkedRole", AWSServiceName=_ROLE_SERVICE)
        except AwsError as failed:
            if failed.code != "InvalidInput":  # another request has made it by now
                raise


def secret_arn_of(scope: Scope, record: Record) -> str | None:
    """Return the ARN of a connection's secret, None for one that was deauthorized."""
    if "Secret" not in record.value:
        return None
    return secret_arn(scope, secret_name(record.key, record.value), _suffix(record.value))


def _suffix(value: Mapping[str, Any]) -> str:
    return str(value["Secret"]).rpartition("-")[2]


async def put_secret(ctx: Context, name: str, value: dict[str, Any], auth: Mapping[str, Any]) -> list[Change]:
    """Return the changes that store the parameters. It sets in `value`, the connection's, which version they are."""
    sealed = await sealed_value(ctx.platform.vault, orjson.dumps(auth).decode())
    return await _put(ctx.platform, ctx.scope, name, value, sealed)


async def _put(
    platform: Platform, scope: Scope, name: str, value: dict[str, Any], sealed: dict[str, Any]
) -> list[Change]:
    value["SecretVersion"], changes = await put_managed_secret(
        platform.store,
        scope,
        secret_name(name, value),
        _suffix(value),
        _OWNER,
        sealed,
        platform.clock.now_ms(),
    )
    return changes


async def delete_secret(ctx: Context, record: Record) -> list[Change]:
    """Return the changes that delete the secret of a connection."""
    if "SecretVersion" not in record.value:
        return []
    return await delete_managed_secret(ctx.store, ctx.scope, secret_name(record.key, record.value))


async def move_sealed_parameters(platform: Platform) -> None:
    """Move what earlier releases sealed in the records of connections into secrets, as a duty."""
    while True:
        for scope in await platform.store.scopes(CONNECTION):
            for record in await platform.store.list(scope, CONNECTION):
                with one_of_many("moving the secret of connection", record.key):
                    if "Sealed" in record.value:
                        await platform.store.commit(*await _moved(platform, scope, record))
        await platform.clock.sleep(_EVERY_SECONDS)


async def _moved(platform: Platform, scope: Scope, record: Record) -> list[Change]:
    """Return the changes. The value is not unsealed: the vault's key is the same for both."""
    value = dict(record.value)
    sealed = {"binary": False, "sealed": value.pop("Sealed")}
    changes = await _put(platform, scope, record.key, value, sealed)
    return [PutRecord(scope, CONNECTION, record.key, value, expect=record.revision), *changes]
