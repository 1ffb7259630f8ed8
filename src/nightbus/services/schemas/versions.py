"""Lists and deletes the versions of a schema, and exports one."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request, bad_token, is_not_exported
from nightbus.services.schemas.records import (
    SCHEMA,
    VERSION,
    find_schema,
    find_version,
    limit_of,
    number_of,
    schema_arn,
    versions_of,
)
from nightbus.store.interface import DeleteRecord, PutRecord

_EXPORTED = "JSONSchemaDraft4"


async def list_schema_versions(
    ctx: Context,
    *,
    registry_name: str,
    schema_name: str,
    limit: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    await find_schema(ctx, registry_name, schema_name)
    versions = await versions_of(ctx, registry_name, schema_name)
    chosen, token = page(versions, lambda one: one.key, limit_of(limit), next_token, bad_token())
    return {
        "SchemaVersions": [
            {
                "SchemaArn": schema_arn(ctx.scope, registry_name, schema_name),
                "SchemaName": schema_name,
                "SchemaVersion": str(number_of(one)),
                "Type": one.value["type"],
            }
            for one in chosen
        ],
        "NextToken": token,
    }


async def delete_schema_version(
    ctx: Context, *, registry_name: str, schema_name: str, schema_version: str
) -> None:
    """The newest one may go too: the one before it is the newest then. The only one goes with its schema alone."""
    record = await find_schema(ctx, registry_name, schema_name)
    version = await find_version(ctx, registry_name, record.value, schema_version)
    left = [one for one in await versions_of(ctx, registry_name, schema_name) if one.key != version.key]
    if not left:
        raise bad_request(
            f"Version {schema_version} is the only one of schema {schema_name}: delete the schema."
        )
    schema = {**record.value, "newest": number_of(left[-1])}
    await ctx.store.commit(
        PutRecord(ctx.scope, SCHEMA, record.key, schema, expect=record.revision),
        DeleteRecord(ctx.scope, VERSION, version.key),
    )


async def export_schema(
    ctx: Context, *, registry_name: str, schema_name: str, type: str, schema_version: str | None = None
) -> dict[str, Any]:
    """Raises AwsError for each schema that there is, as AWS does for those that somebody has written."""
    if type != _EXPORTED:
        raise bad_request(f"Type must be {_EXPORTED}.")
    record = await find_schema(ctx, registry_name, schema_name)
    await find_version(ctx, registry_name, record.value, schema_version)
    raise is_not_exported()
