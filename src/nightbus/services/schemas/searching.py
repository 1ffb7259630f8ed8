"""Finds schemas by words in their names and contents."""

from __future__ import annotations

from typing import Any

from nightbus.aws.pagination import page
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request, bad_token
from nightbus.services.schemas.records import (
    SCHEMA,
    find_registry,
    limit_of,
    moment,
    number_of,
    schema_arn,
    schema_key,
    versions_of,
)
from nightbus.store.interface import Record


async def search_schemas(
    ctx: Context,
    *,
    registry_name: str,
    keywords: str,
    limit: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    """A version is found that has all the words, in upper or lower case, in the schema's name or its content."""
    words = keywords.lower().split()
    if not words:
        raise bad_request("Keywords must not be empty.")
    await find_registry(ctx, registry_name)
    found: list[tuple[Record, list[Record]]] = []
    for schema in await ctx.store.list(ctx.scope, SCHEMA, prefix=schema_key(registry_name)):
        name = schema.value["name"]
        versions = await versions_of(ctx, registry_name, name)
        matching = [one for one in versions if _has(words, name, one.value["content"])]
        if matching:
            found.append((schema, matching))
    chosen, token = page(found, lambda one: one[0].key, limit_of(limit), next_token, bad_token())
    return {"Schemas": [_summary(ctx, *one) for one in chosen], "NextToken": token}


def _has(words: list[str], name: str, content: str) -> bool:
    text = f"{name}\n{content}".lower()
    return all(word in text for word in words)


def _summary(ctx: Context, schema: Record, versions: list[Record]) -> dict[str, Any]:
    registry, name = schema.value["registry"], schema.value["name"]
    return {
        "RegistryName": registry,
        "SchemaArn": schema_arn(ctx.scope, registry, name),
        "SchemaName": name,
        "SchemaVersions": [
            {
                "CreatedDate": moment(one.value["created"]),
                "SchemaVersion": str(number_of(one)),
                "Type": one.value["type"],
            }
            for one in versions
        ],
    }
