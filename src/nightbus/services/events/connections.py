"""Creates, changes, describes and deletes connections, which authorize the node's calls to API destinations.

The authorization parameters are kept twice: without secrets for replies in the record, and whole in a secret of Secrets
Manager that EventBridge manages, `events!connection/…`; each commit of a connection has that of its secret. With OAuth,
the worker of `engines/connection_authorization.py` fetches the first token:

| state            | becomes      | when                                                              |
|------------------|--------------|-------------------------------------------------------------------|
| – or any         | AUTHORIZED   | it is created, or its parameters change, without OAuth            |
| – or any         | AUTHORIZING  | it is created, or its parameters change, with OAuth               |
| AUTHORIZING      | AUTHORIZED   | the worker has got a token                                        |
| AUTHORIZING      | DEAUTHORIZED | a token was refused or not got in four attempts, or the secrets   |
|                  |              | cannot be unsealed                                                |
| any              | DEAUTHORIZED | DeauthorizeConnection                                             |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_physical_suffix, new_uuid
from nightbus.aws.pagination import page
from nightbus.delivery.api_destinations.connections import AUTHORIZED, CONNECTION, connection_arn, opened
from nightbus.services.context import Context
from nightbus.services.events.connection_auth import (
    OAUTH,
    check_auth,
    refuse_private_connectivity,
    updated_auth,
    without_secrets,
)
from nightbus.services.events.connection_secrets import delete_secret, ensure_role, put_secret, secret_arn_of
from nightbus.services.events.encryption_keys import check_key_of_connection
from nightbus.services.events.engines.connection_authorization import AUTHORIZING, DEAUTHORIZED, to_authorize
from nightbus.services.events.names import invalid_token, reply_time
from nightbus.services.events.quotas import CONNECTIONS_PER_REGION, check_room
from nightbus.services.events.state_events import StateEvents
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record
from nightbus.store.vault import VaultClosed

_PAGE = 100
_OF_AUTHORIZATION = (
    "Sealed", "Shown", "Secret", "SecretVersion", "StateReason", "Authorization", "LastAuthorizedTime"
)  # fmt: skip


async def create_connection(
    ctx: Context,
    *,
    name: str,
    authorization_type: str,
    auth_parameters: dict[str, Any],
    description: str | None = None,
    kms_key_identifier: str | None = None,
) -> dict[str, Any]:
    refuse_private_connectivity("CreateConnection", auth_parameters)
    check_auth(authorization_type, auth_parameters)
    await check_key_of_connection(ctx, kms_key_identifier)
    if await ctx.store.get(ctx.scope, CONNECTION, name) is not None:
        raise _exists(name)
    await check_room(ctx, CONNECTION, "", CONNECTIONS_PER_REGION)
    await ensure_role(ctx)
    now = ctx.now_ms()
    value = {"Id": new_uuid(), "CreationTime": now, "LastModifiedTime": now}
    value |= _settings(description, kms_key_identifier)
    value |= _authorization(ctx, authorization_type, auth_parameters)
    secret = await put_secret(ctx, name, value, auth_parameters)
    await _save(ctx, "Creation Started", None, Record(name, value, 0), *secret)
    return _state(ctx, Record(name, value, 1))


def _exists(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"Connection {name} already exists.")


def _settings(description: str | None, key: str | None) -> dict[str, str]:
    settings = {"Description": description, "KmsKeyIdentifier": key}
    return {name: text for name, text in settings.items() if text is not None}


def _authorization(
    ctx: Context, kind: str, auth: Mapping[str, Any], secret: str | None = None
) -> dict[str, Any]:
    """Return the record's members for new parameters. `secret` is the secret's name; None makes a new one."""
    members: dict[str, Any] = {
        "AuthorizationType": kind,
        "Shown": without_secrets(auth),
        "Secret": secret or f"{new_uuid()}-{new_physical_suffix(6)}",
    }
    if kind == OAUTH:
        return {**members, "State": AUTHORIZING, "Authorization": new_uuid()}
    return {**members, "State": AUTHORIZED, "LastAuthorizedTime": ctx.now_ms()}


async def _save(ctx: Context, began: str, before: Record | None, after: Record, *secret: Change) -> None:
    """Store the connection over the revision that was read, with the changes of its secret. Raises Conflict.

    A new authorization is queued in the same commit.
    """
    authorization = after.value.get("Authorization")
    former = before.value.get("Authorization") if before is not None else None
    work = [to_authorize(ctx, after.key, authorization)] if authorization and authorization != former else []
    state_events = StateEvents(ctx.platform, ctx.scope)
    await state_events.connection(began, before, after)
    put = PutRecord(ctx.scope, CONNECTION, after.key, after.value, expect=after.revision)
    await state_events.commit(put, *work, *secret)


def _state(ctx: Context, record: Record, state: str | None = None) -> dict[str, Any]:
    value = record.value
    return {
        "ConnectionArn": connection_arn(ctx.scope, record.key, value),
        "ConnectionState": state or value["State"],
        "CreationTime": reply_time(value["CreationTime"]),
        "LastModifiedTime": reply_time(value["LastModifiedTime"]),
        "LastAuthorizedTime": reply_time(value.get("LastAuthorizedTime")),
    }


async def describe_connection(ctx: Context, *, name: str) -> dict[str, Any]:
    record = await _find(ctx, name)
    value = record.value
    return {
        **_listed(ctx, record),
        "Description": value.get("Description"),
        "SecretArn": secret_arn_of(ctx.scope, record),
        "KmsKeyIdentifier": value.get("KmsKeyIdentifier") or None,
        "AuthParameters": value.get("Shown"),
    }


async def _find(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, CONNECTION, name)
    if record is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"Failed to describe the connection(s). Connection '{name}' does not exist.",
        )
    return record


def _listed(ctx: Context, record: Record) -> dict[str, Any]:
    return {
        "Name": record.key,
        **_state(ctx, record),
        "StateReason": record.value.get("StateReason"),
        "AuthorizationType": record.value["AuthorizationType"],
    }


async def list_connections(
    ctx: Context,
    *,
    name_prefix: str = "",
    connection_state: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, CONNECTION, prefix=name_prefix)
    if connection_state is not None:
        records = [record for record in records if record.value["State"] == connection_state]
    page_items, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Connections": [_listed(ctx, record) for record in page_items], "NextToken": token}


async def update_connection(
    ctx: Context,
    *,
    name: str,
    description: str | None = None,
    authorization_type: str | None = None,
    auth_parameters: dict[str, Any] | None = None,
    kms_key_identifier: str | None = None,
) -> dict[str, Any]:
    """Change a connection. Without a key it uses AWS's own again, as with buses; other omitted settings stay."""
    refuse_private_connectivity("UpdateConnection", auth_parameters or {})
    await check_key_of_connection(ctx, kms_key_identifier)
    record = await _find(ctx, name)
    value = {**record.value, "LastModifiedTime": ctx.now_ms()}
    value.pop("KmsKeyIdentifier", None)
    value |= _settings(description, kms_key_identifier)
    kind = authorization_type or value["AuthorizationType"]
    secret: list[Change] = []
    if auth_parameters is not None or kind != value["AuthorizationType"]:
        auth = updated_auth(kind, await _standing(ctx, record), auth_parameters or {})
        check_auth(kind, auth)
        value = _without_authorization(value) | _authorization(ctx, kind, auth, value.get("Secret"))
        secret = await put_secret(ctx, name, value, auth)
    updated = Record(name, value, record.revision)
    await _save(ctx, "Update Started", record, updated, *secret)
    return _state(ctx, updated)


async def _standing(ctx: Context, record: Record) -> Mapping[str, Any]:
    """Return the stored parameters, or none if they cannot be unsealed: a request with all parameters needs none."""
    try:
        return (await opened(ctx.store, ctx.platform.vault, ctx.scope, record)).auth
    except VaultClosed:
        return {}


def _without_authorization(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in _OF_AUTHORIZATION}


async def deauthorize_connection(ctx: Context, *, name: str) -> dict[str, Any]:
    """Delete the secrets and keep the connection, which UpdateConnection can authorize again."""
    record = await _find(ctx, name)
    remaining = _without_authorization(record.value)
    if "LastAuthorizedTime" in record.value:
        remaining["LastAuthorizedTime"] = record.value["LastAuthorizedTime"]
    value = {**remaining, "State": DEAUTHORIZED, "LastModifiedTime": ctx.now_ms()}
    updated = Record(name, value, record.revision)
    secret = await delete_secret(ctx, record)
    await _save(ctx, "Deauthorization Started", record, updated, *secret)
    return _state(ctx, updated)


async def delete_connection(ctx: Context, *, name: str) -> dict[str, Any]:
    """Delete the connection. API destinations that use it stay and become INACTIVE."""
    record = await _find(ctx, name)
    state_events = StateEvents(ctx.platform, ctx.scope)
    await state_events.connection("Deletion Started", record, None)
    secret = await delete_secret(ctx, record)
    await state_events.commit(DeleteRecord(ctx.scope, CONNECTION, name, expect=record.revision), *secret)
    return _state(ctx, record, "DELETING")
