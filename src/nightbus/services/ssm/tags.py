"""Adds, removes and lists the tags of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, not_supported, validation_error
from nightbus.services.context import Context
from nightbus.services.ssm.errors import no_resource, too_many_tags
from nightbus.services.ssm.names import parse_reference
from nightbus.services.ssm.records import PARAMETER, find_parameter
from nightbus.store.interface import PutRecord, Record

_MOST = 50
_RESERVED = "aws:"
_TAGGER = "cloudformation.amazonaws.com"


def checked_tags(ctx: Context, old: Mapping[str, str], tags: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return the old tags with further ones. Raises AwsError for a reserved key, and if there are too many."""
    added = {tag["Key"]: tag["Value"] for tag in tags}
    if ctx.caller.service != _TAGGER and any(key.startswith(_RESERVED) for key in added):
        raise validation_error("aws: prefixed tag key names are not allowed for external use.")
    resulting = {**old, **added}
    if ctx.platform.quotas and sum(not key.startswith(_RESERVED) for key in resulting) > _MOST:
        raise too_many_tags()
    return resulting


async def add_tags_to_resource(
    ctx: Context, *, resource_type: str, resource_id: str, tags: list[dict[str, str]]
) -> None:
    record = await _find(ctx, "AddTagsToResource", resource_type, resource_id)
    await _save(ctx, record, checked_tags(ctx, record.value["tags"], tags))


async def remove_tags_from_resource(
    ctx: Context, *, resource_type: str, resource_id: str, tag_keys: list[str]
) -> None:
    record = await _find(ctx, "RemoveTagsFromResource", resource_type, resource_id)
    await _save(
        ctx, record, {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
    )


async def list_tags_for_resource(ctx: Context, *, resource_type: str, resource_id: str) -> dict[str, Any]:
    record = await _find(ctx, "ListTagsForResource", resource_type, resource_id)
    return {"TagList": [{"Key": key, "Value": value} for key, value in record.value["tags"].items()]}


async def _find(ctx: Context, operation: str, kind: str, name: str) -> Record:
    if kind != "Parameter":
        raise not_supported("ssm", operation, f"ResourceType {kind}")
    try:
        return await find_parameter(ctx, parse_reference(ctx.scope, name))
    except AwsError as error:
        raise no_resource() from error


async def _save(ctx: Context, record: Record, tags: dict[str, str]) -> None:
    value = {**record.value, "tags": tags}
    await ctx.store.commit(PutRecord(ctx.scope, PARAMETER, record.key, value, expect=record.revision))
