"""Answers CreateSecret."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from nightbus.aws.ids import new_hex, new_physical_suffix, new_uuid
from nightbus.identity.secrets import CURRENT, EMPTY, SECRET
from nightbus.services.context import Context
from nightbus.services.secretsmanager.errors import scheduled_name, secret_exists
from nightbus.services.secretsmanager.names import check_name
from nightbus.services.secretsmanager.records import Secret, replication_reply
from nightbus.services.secretsmanager.replication import add_replicas
from nightbus.services.secretsmanager.storing import save
from nightbus.services.secretsmanager.tags import checked_tags
from nightbus.services.secretsmanager.values import has_value, secret_value
from nightbus.services.secretsmanager.writing import add_value
from nightbus.store.interface import Record


async def create_secret(
    ctx: Context,
    *,
    name: str,
    client_request_token: str | None = None,
    description: str = "",
    kms_key_id: str = "",
    secret_binary: bytes | None = None,
    secret_string: str | None = None,
    tags: list[dict[str, str]] | None = None,
    add_replica_regions: list[dict[str, str]] | None = None,
    force_overwrite_replica_secret: bool = False,
) -> dict[str, Any]:
    check_name(name)
    given = secret_value(secret_string, secret_binary)
    token = client_request_token or new_uuid()
    existing = await ctx.store.get(ctx.scope, SECRET, name)
    if existing is not None:
        return await _repeated(ctx, Secret(ctx.scope, existing), token, given)
    now = ctx.now_ms()
    value = {
        **deepcopy(EMPTY),
        "id": new_hex(12),
        "suffix": new_physical_suffix(6),
        "description": description,
        "key": kms_key_id,
        "tags": checked_tags(ctx, {}, tags or []),
        "versions": {},
        "created": now,
        "changed": now,
    }
    secret = Secret(ctx.scope, Record(name, value, 0))
    if given is not None:
        add_value(ctx, secret, token, given, [CURRENT])
    if add_replica_regions:
        await add_replicas(ctx, secret, add_replica_regions, overwrite=force_overwrite_replica_secret)
    await save(ctx, secret)
    return {
        **secret.named(),
        "VersionId": token if given is not None else None,
        "ReplicationStatus": replication_reply(secret),
    }


async def _repeated(ctx: Context, secret: Secret, token: str, given: str | bytes | None) -> dict[str, Any]:
    """Answer a request as before if it is the same one. Raises AwsError for another one."""
    if secret.value["deleted"]:
        raise scheduled_name()
    if given is None or not await has_value(ctx, secret, token, given):
        raise secret_exists(secret.name)
    return {**secret.named(), "VersionId": token}
