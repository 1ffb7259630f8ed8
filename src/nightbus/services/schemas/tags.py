"""Tags registries and schemas, by their ARN."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request
from nightbus.services.schemas.records import REGISTRY, SCHEMA, find_registry, find_schema
from nightbus.store.changing import change
from nightbus.store.interface import Record

_MOST = 50  # https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html


async def tag_resource(ctx: Context, *, resource_arn: str, tags: Mapping[str, str]) -> None:
    def edit(present: dict[str, str]) -> dict[str, str]:
        merged = {**present, **tags}
        if len(merged) > _MOST:
            raise bad_request(f"A resource can have no more than {_MOST} tags.")
        return merged

    await _change_tags(ctx, resource_arn, edit)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: Sequence[str]) -> None:
    await _change_tags(
        ctx,
        resource_arn,
        lambda present: {key: one for key, one in present.items() if key not in tag_keys},
    )


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    return {"Tags": (await _find(ctx, resource_arn)).value["tags"]}


async def _change_tags(
    ctx: Context, resource_arn: str, edit: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    kind, _, _ = _named(ctx, resource_arn)
    await change(
        ctx.store,
        ctx.scope,
        kind,
        lambda: _find(ctx, resource_arn),
        lambda value: {**value, "tags": edit(value["tags"])},
    )


async def _find(ctx: Context, resource_arn: str) -> Record:
    kind, registry, schema = _named(ctx, resource_arn)
    if kind == REGISTRY:
        return await find_registry(ctx, registry)
    return await find_schema(ctx, registry, schema)


def _named(ctx: Context, resource_arn: str) -> tuple[str, str, str]:
    """The record's kind, and the names of the registry and the schema. Raises AwsError."""
    invalid = bad_request(f"Resource ARN {resource_arn} is not that of a registry or a schema.")
    try:
        parsed = Arn.parse(resource_arn)
    except ValueError:
        raise invalid from None
    kind, _, name = parsed.resource.partition("/")
    registry, _, schema = name.partition("/")
    if (parsed.service, parsed.region, parsed.account) != ("schemas", ctx.region, ctx.account):
        raise invalid
    if kind == "registry" and registry and not schema:
        return REGISTRY, registry, ""
    if kind == "schema" and registry and schema:
        return SCHEMA, registry, schema
    raise invalid
