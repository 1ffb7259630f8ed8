"""Creates, changes, lists and deletes registries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request, bad_token, conflict
from nightbus.services.schemas.records import (
    REGISTRY,
    SCHEMA,
    check_registry_name,
    find_registry,
    limit_of,
    registry_arn,
    schema_key,
)
from nightbus.store.changing import change
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord

_LOCAL, _AWS = "LOCAL", "AWS"  # scopes: the account's own registries, and AWS's, which are not here


async def create_registry(
    ctx: Context, *, registry_name: str, description: str | None = None, tags: Mapping[str, str] | None = None
) -> dict[str, Any]:
    check_registry_name(registry_name)
    value = {
        "name": registry_name,
        "description": description,
        "tags": dict(tags or {}),
        "policy": None,
        "policy_revision": None,
        "schemas": 0,  # grows with each new schema, so that none is made while the registry is being deleted
    }
    try:
        await ctx.store.commit(PutRecord(ctx.scope, REGISTRY, registry_name, value, expect=0))
    except Conflict:
        raise conflict(f"Registry with name {registry_name} already exists.") from None
    return _described(ctx.scope, value)


async def describe_registry(ctx: Context, *, registry_name: str) -> dict[str, Any]:
    return _described(ctx.scope, (await find_registry(ctx, registry_name)).value)


async def update_registry(
    ctx: Context, *, registry_name: str, description: str | None = None
) -> dict[str, Any]:
    def edit(value: dict[str, Any]) -> dict[str, Any]:
        return value if description is None else {**value, "description": description}

    value = await change(ctx.store, ctx.scope, REGISTRY, lambda: find_registry(ctx, registry_name), edit)
    return _described(ctx.scope, value)


async def delete_registry(ctx: Context, *, registry_name: str) -> None:
    record = await find_registry(ctx, registry_name)
    if await ctx.store.list(ctx.scope, SCHEMA, prefix=schema_key(registry_name), limit=1):
        raise bad_request(f"Registry with name {registry_name} has schemas. Delete them first.")
    await ctx.store.commit(DeleteRecord(ctx.scope, REGISTRY, registry_name, expect=record.revision))


async def list_registries(
    ctx: Context,
    *,
    registry_name_prefix: str = "",
    scope: str | None = None,
    limit: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    if scope not in (None, "", _LOCAL, _AWS):
        raise bad_request(f"Scope must be {_LOCAL} or {_AWS}.")
    records = await ctx.store.list(ctx.scope, REGISTRY, prefix=registry_name_prefix) if scope != _AWS else []
    chosen, token = page(records, lambda one: one.key, limit_of(limit), next_token, bad_token())
    return {
        "Registries": [
            {
                "RegistryArn": registry_arn(ctx.scope, one.key),
                "RegistryName": one.key,
                "Tags": one.value["tags"],
            }
            for one in chosen
        ],
        "NextToken": token,
    }


def _described(scope: Scope, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Description": value["description"],
        "RegistryArn": registry_arn(scope, value["name"]),
        "RegistryName": value["name"],
        "Tags": value["tags"],
    }
