"""Adds, removes and lists the tags of functions and event source mappings."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.names import function_ref
from nightbus.services.lambda_.queue_sources.operations import find_mapping
from nightbus.services.lambda_.queue_sources.settings import EVENT_SOURCE
from nightbus.services.lambda_.records import FUNCTION, require_function
from nightbus.store.interface import PutRecord, Record

_MOST = 50


async def tag_resource(ctx: Context, *, resource: str, tags: dict[str, str]) -> None:
    kind, record = await _find(ctx, resource, "TagResource")
    await _set(ctx, kind, record, record.value["tags"] | tags)


async def untag_resource(ctx: Context, *, resource: str, tag_keys: list[str]) -> None:
    kind, record = await _find(ctx, resource, "UntagResource")
    left = {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
    await _set(ctx, kind, record, left)


async def list_tags(ctx: Context, *, resource: str) -> dict[str, Any]:
    _, record = await _find(ctx, resource, "ListTags")
    return {"Tags": record.value["tags"]}


async def _find(ctx: Context, resource: str, operation: str) -> tuple[str, Record]:
    """Return the kind of the record that has the resource's tags, and the record."""
    if ":event-source-mapping:" in resource:
        return EVENT_SOURCE, await find_mapping(ctx, resource)
    if ":function:" not in resource:
        raise not_supported("lambda", operation, f"the resource {resource}")
    ref = function_ref(ctx.scope, resource)
    if ref.qualifier:
        raise invalid_parameter_value(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return FUNCTION, await require_function(ctx, ref)


async def _set(ctx: Context, kind: str, record: Record, tags: dict[str, str]) -> None:
    if len(tags) > _MOST:
        raise invalid_parameter_value(f"The total number of tags exceeds the limit of {_MOST}.")
    value = record.value | {"tags": tags}
    await ctx.store.commit(PutRecord(ctx.scope, kind, record.key, value, expect=record.revision))
