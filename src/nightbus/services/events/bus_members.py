"""Keeps a bus from being deleted while it has rules or archives, and rules and archives off a deleted bus.

Every new rule and archive writes one record of the bus, and the bus's deletion expects that record's revision.
"""

from __future__ import annotations

from nightbus.delivery.rules import BUS, DEFAULT_BUS
from nightbus.services.context import Context
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, RequireRecord

_MEMBERS = "events/bus-members"  # written by every new rule and archive


async def member_changes(ctx: Context, bus: Record) -> list[Change]:
    """Return the further changes of a commit that adds a rule or an archive. A concurrent addition is a Conflict."""
    if bus.key == DEFAULT_BUS:
        return []
    members = await ctx.store.get(ctx.scope, _MEMBERS, bus.key)
    put = PutRecord(ctx.scope, _MEMBERS, bus.key, {}, expect=members.revision if members else 0)
    return [put, RequireRecord(ctx.scope, BUS, bus.key, bus.revision)]


async def bus_removal(ctx: Context, bus: Record) -> list[Change]:
    """Return the changes that delete a bus. Call it before checking that the bus has no rules: then a rule that is
    added after the check is a Conflict."""
    members = await ctx.store.get(ctx.scope, _MEMBERS, bus.key)
    member_change: Change = (
        DeleteRecord(ctx.scope, _MEMBERS, bus.key, expect=members.revision)
        if members
        else RequireRecord(ctx.scope, _MEMBERS, bus.key, 0)
    )
    return [DeleteRecord(ctx.scope, BUS, bus.key, expect=bus.revision), member_change]
