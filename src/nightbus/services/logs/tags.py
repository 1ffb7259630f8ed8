"""Tags log groups: the operations that take an ARN, and the older ones that take a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.messaging.log_streams import GROUP
from nightbus.services.context import Context
from nightbus.services.logs.groups import name_in, require_group
from nightbus.store.interface import PutRecord

_MOST = 50


async def change_group(ctx: Context, group: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a group's record; `change` alters the value in place. Raises Conflict."""
    record = await require_group(ctx, group)
    change(record.value)
    await ctx.store.commit(PutRecord(ctx.scope, GROUP, group, record.value, expect=record.revision))


async def tag_resource(ctx: Context, *, resource_arn: str, tags: dict[str, str]) -> None:
    await tag_log_group(ctx, log_group_name=name_in(resource_arn), tags=tags)


async def tag_log_group(ctx: Context, *, log_group_name: str, tags: dict[str, str]) -> None:
    def add(value: dict[str, Any]) -> None:
        value["tags"].update(tags)
        if len(value["tags"]) > _MOST:
            raise AwsError("TooManyTagsException", f"A resource can have no more than {_MOST} tags.")

    await change_group(ctx, log_group_name, add)


async def untag_resource(ctx: Context, *, resource_arn: str, tag_keys: list[str]) -> None:
    await untag_log_group(ctx, log_group_name=name_in(resource_arn), tags=tag_keys)


async def untag_log_group(ctx: Context, *, log_group_name: str, tags: list[str]) -> None:
    def remove(value: dict[str, Any]) -> None:
        for key in tags:
            value["tags"].pop(key, None)

    await change_group(ctx, log_group_name, remove)


async def list_tags_for_resource(ctx: Context, *, resource_arn: str) -> dict[str, Any]:
    return await list_tags_log_group(ctx, log_group_name=name_in(resource_arn))


async def list_tags_log_group(ctx: Context, *, log_group_name: str) -> dict[str, Any]:
    return {"tags": (await require_group(ctx, log_group_name)).value["tags"]}
