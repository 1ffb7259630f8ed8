"""Defines the records of subscription filters, and of how far each has read the streams of its group."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.store.interface import Change, DeleteRecord, Record, Store

FILTER = "logs/subscription-filter"  # key: group:filter
CURSOR = (
    "logs/subscription-cursor"  # key: group:filter:stream; value: the offset of the last entry that was read
)


def filter_key(group: str, name: str) -> str:
    return f"{group}:{name}"


async def filters_of(store: Store, scope: Scope, group: str) -> list[Record]:
    return await store.list(scope, FILTER, prefix=filter_key(group, ""))


async def without_filter(ctx: Context, record: Record) -> list[Change]:
    """Return the changes that delete a filter with its cursors."""
    cursors = await ctx.store.list(ctx.scope, CURSOR, prefix=f"{record.key}:")
    return [
        DeleteRecord(ctx.scope, FILTER, record.key, expect=record.revision),
        *(DeleteRecord(ctx.scope, CURSOR, one.key) for one in cursors),
    ]


async def without_group(ctx: Context, group: str) -> list[Change]:
    """Return the changes that delete all filters of a group that is being deleted."""
    changes: list[Change] = []
    for record in await filters_of(ctx.store, ctx.scope, group):
        changes += await without_filter(ctx, record)
    return changes


async def without_stream(ctx: Context, group: str, stream: str) -> list[Change]:
    """Return the changes that delete the cursors of a stream that is being deleted."""
    return [
        DeleteRecord(ctx.scope, CURSOR, f"{record.key}:{stream}")
        for record in await filters_of(ctx.store, ctx.scope, group)
    ]
