"""Answers DeleteParameter and DeleteParameters."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.ssm.change_events import SsmEvents
from nightbus.services.ssm.errors import no_parameter
from nightbus.services.ssm.names import check_name
from nightbus.services.ssm.records import PARAMETER, deletion
from nightbus.store.interface import Change


async def delete_parameter(ctx: Context, *, name: str) -> None:
    check_name(name)
    if not await _delete(ctx, [name]):
        raise no_parameter()


async def delete_parameters(ctx: Context, *, names: list[str]) -> dict[str, Any]:
    for name in names:
        check_name(name)
    deleted = await _delete(ctx, list(dict.fromkeys(names)))
    return {
        "DeletedParameters": deleted,
        "InvalidParameters": [name for name in names if name not in deleted],
    }


async def _delete(ctx: Context, names: list[str]) -> list[str]:
    """Delete those that are there, in one commit, and return their names."""
    events = SsmEvents(ctx.platform, ctx.scope)
    changes: list[Change] = []
    deleted = []
    for name in names:
        record = await ctx.store.get(ctx.scope, PARAMETER, name)
        if record is not None:
            deleted.append(name)
            changes += deletion(ctx.scope, record)
            events.changed("Delete", name, record.value["newest"])
    if changes:
        await events.commit(*changes)
    return deleted
