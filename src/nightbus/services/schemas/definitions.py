"""Creates, changes, lists and deletes schemas. Each changed content is a version of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.pagination import page
from nightbus.aws.threads import aside
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request, bad_token, conflict
from nightbus.services.schemas.records import (
    REGISTRY,
    SCHEMA,
    VERSION,
    check_schema_name,
    find_registry,
    find_schema,
    find_version,
    limit_of,
    moment,
    number_of,
    schema_arn,
    schema_key,
    version_key,
    versions_of,
)
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_OPEN_API = "OpenApi3"


async def create_schema(
    ctx: Context,
    *,
    registry_name: str,
    schema_name: str,
    type: str,
    content: str,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    check_schema_name(schema_name)
    await _check_content(content, type)
    registry = await find_registry(ctx, registry_name)
    key = schema_key(registry_name, schema_name)
    if await ctx.store.get(ctx.scope, SCHEMA, key) is not None:
        raise conflict(f"Schema with name {schema_name} already exists.")
    schema = {
        "name": schema_name,
        "registry": registry_name,
        "description": description,
        "tags": dict(tags or {}),
        "newest": 1,
        "last": 1,  # the highest number so far
        "modified": ctx.now_ms(),
    }
    version = {"type": type, "content": content, "created": ctx.now_ms()}
    counted = {**registry.value, "schemas": registry.value["schemas"] + 1}
    await ctx.store.commit(
        PutRecord(ctx.scope, REGISTRY, registry_name, counted, expect=registry.revision),
        PutRecord(ctx.scope, SCHEMA, key, schema, expect=0),
        PutRecord(ctx.scope, VERSION, version_key(registry_name, schema_name, 1), version),
    )
    return _described(ctx, schema, version, 1)


async def update_schema(
    ctx: Context,
    *,
    registry_name: str,
    schema_name: str,
    content: str | None = None,
    type: str | None = None,
    description: str | None = None,
    client_token_id: str | None = None,
) -> dict[str, Any]:
    """`client_token_id` makes nothing different: the same content a second time is no new version anyway."""
    record = await find_schema(ctx, registry_name, schema_name)
    newest = await find_version(ctx, registry_name, record.value, None)
    schema, version, number = dict(record.value), newest.value, number_of(newest)
    if description is not None:
        schema["description"] = description
    changes: list[PutRecord] = []
    if content is not None:
        kind = type or str(version["type"])
        await _check_content(content, kind)
        if (content, kind) == (version["content"], version["type"]):
            raise conflict("No change since the previous version.")
        number = int(schema["last"]) + 1
        version = {"type": kind, "content": content, "created": ctx.now_ms()}
        schema |= {"newest": number, "last": number, "modified": ctx.now_ms()}
        changes.append(
            PutRecord(ctx.scope, VERSION, version_key(registry_name, schema_name, number), version)
        )
    await ctx.store.commit(PutRecord(ctx.scope, SCHEMA, record.key, schema, expect=record.revision), *changes)
    return _described(ctx, schema, version, number)


async def describe_schema(
    ctx: Context, *, registry_name: str, schema_name: str, schema_version: str | None = None
) -> dict[str, Any]:
    record = await find_schema(ctx, registry_name, schema_name)
    version = await find_version(ctx, registry_name, record.value, schema_version)
    described = _described(ctx, record.value, version.value, number_of(version))
    return {**described, "Content": version.value["content"]}


async def list_schemas(
    ctx: Context,
    *,
    registry_name: str,
    schema_name_prefix: str = "",
    limit: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    await find_registry(ctx, registry_name)
    records = await ctx.store.list(ctx.scope, SCHEMA, prefix=schema_key(registry_name, schema_name_prefix))
    chosen, token = page(records, lambda one: one.key, limit_of(limit), next_token, bad_token())
    return {"Schemas": [await _summary(ctx, one) for one in chosen], "NextToken": token}


async def _summary(ctx: Context, record: Record) -> dict[str, Any]:
    schema = record.value
    return {
        "LastModified": moment(schema["modified"]),
        "SchemaArn": schema_arn(ctx.scope, schema["registry"], schema["name"]),
        "SchemaName": schema["name"],
        "Tags": schema["tags"],
        "VersionCount": len(await versions_of(ctx, schema["registry"], schema["name"])),
    }


async def delete_schema(ctx: Context, *, registry_name: str, schema_name: str) -> None:
    record = await find_schema(ctx, registry_name, schema_name)
    versions = await versions_of(ctx, registry_name, schema_name)
    await ctx.store.commit(
        DeleteRecord(ctx.scope, SCHEMA, record.key, expect=record.revision),
        *(DeleteRecord(ctx.scope, VERSION, one.key) for one in versions),
    )


def _described(
    ctx: Context, schema: Mapping[str, Any], version: Mapping[str, Any], number: int
) -> dict[str, Any]:
    return {
        "Description": schema["description"],
        "LastModified": moment(schema["modified"]),
        "SchemaArn": schema_arn(ctx.scope, schema["registry"], schema["name"]),
        "SchemaName": schema["name"],
        "SchemaVersion": str(number),
        "Tags": schema["tags"],
        "Type": version["type"],
        "VersionCreatedDate": moment(version["created"]),
    }


async def _check_content(content: str, kind: str) -> None:
    """What it must have at least to be of its kind. Raises AwsError."""
    try:
        value = await aside(len(content), read_document, content)
    except ValueError as broken:
        raise bad_request(f"Content is not valid JSON: {broken}") from None
    if not isinstance(value, dict):
        raise bad_request("Content must be a JSON object.")
    if kind == _OPEN_API and not (
        str(value.get("openapi", "")).startswith("3.") and isinstance(value.get("info"), dict)
    ):
        raise bad_request("Content is not a document of OpenAPI 3: it needs openapi and info.")
