"""What keeps a bus from being deleted: its rules and archives. None comes onto a bus that is going."""

from __future__ import annotations

from nightbus.delivery.rules import BUS, DEFAULT_BUS
from nightbus.services.context import Context
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, RequireRecord

_MEMBERS = "events/bus-members"  # written by every new rule and archive


async def joining(ctx: Context, bus: Record) -> list[Change]:
    """What else a new rule or archive changes. A Conflict may mean that another one came."""
    if bus.key == DEFAULT_BUS:
        return []
    known = await ctx.store.get(ctx.scope, _MEMBERS, bus.key)
    put = PutRecord(ctx.scope, _MEMBERS, bus.key, {}, expect=known.revision if known else 0)
    return [put, RequireRecord(ctx.scope, BUS, bus.key, bus.revision)]


async def going(ctx: Context, bus: Record) -> list[Change]:
    """The deletion of a bus, to be asked for before one looks whether it has rules: a Conflict if one comes."""
    known = await ctx.store.get(ctx.scope, _MEMBERS, bus.key)
    members: Change = (
        DeleteRecord(ctx.scope, _MEMBERS, bus.key, expect=known.revision)
        if known
        else RequireRecord(ctx.scope, _MEMBERS, bus.key, 0)
    )
    return [DeleteRecord(ctx.scope, BUS, bus.key, expect=bus.revision), members]
