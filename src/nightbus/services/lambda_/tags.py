"""The tags of functions."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.records import FUNCTION, commit, require_function
from nightbus.store.interface import PutRecord

_MOST = 50


async def tag_resource(ctx: Context, *, resource: str, tags: dict[str, str]) -> None:
    ref = _function(ctx, resource, "TagResource")
    record = await require_function(ctx, ref)
    await _set(ctx, ref, record.value | {"tags": record.value["tags"] | tags}, record.revision)


async def untag_resource(ctx: Context, *, resource: str, tag_keys: list[str]) -> None:
    ref = _function(ctx, resource, "UntagResource")
    record = await require_function(ctx, ref)
    left = {key: value for key, value in record.value["tags"].items() if key not in tag_keys}
    await _set(ctx, ref, record.value | {"tags": left}, record.revision)


async def list_tags(ctx: Context, *, resource: str) -> dict[str, Any]:
    record = await require_function(ctx, _function(ctx, resource, "ListTags"))
    return {"Tags": record.value["tags"]}


async def _set(ctx: Context, ref: FunctionRef, value: dict[str, Any], revision: int) -> None:
    if len(value["tags"]) > _MOST:
        raise invalid(f"The total number of tags exceeds the limit of {_MOST}.")
    await commit(ctx, ref, [PutRecord(ref.scope, FUNCTION, ref.name, value, expect=revision)])


def _function(ctx: Context, resource: str, operation: str) -> FunctionRef:
    if ":function:" not in resource:
        raise not_supported("lambda", operation, f"the resource {resource}")
    ref = function_ref(ctx.scope, resource)
    if ref.qualifier:
        raise invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return ref
