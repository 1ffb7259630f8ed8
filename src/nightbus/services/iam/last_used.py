"""Reads when users, roles and access keys were used last."""

from __future__ import annotations

from typing import Any

from nightbus.identity.last_uses import LAST_USE
from nightbus.services.context import Context
from nightbus.services.iam.records import time_of
from nightbus.store.interface import DeleteRecord

_TRACKED_MS = 400 * 24 * 3600 * 1000  # AWS reports the last 400 days


async def last_use(ctx: Context, id: str) -> dict[str, Any] | None:
    """Return the last use of a principal (by its unique id) or of an access key: `time` (UTC ms), `service`, `region`,
    and `services`: for each of them [time, region] by action. None without one."""
    if ctx.platform.last_uses is not None:
        await ctx.platform.last_uses.written()
    record = await ctx.store.get(ctx.global_scope, LAST_USE, id)
    if record is None or record.value["time"] < ctx.now_ms() - _TRACKED_MS:
        return None
    return record.value


async def role_last_used(ctx: Context, role_id: str) -> dict[str, Any]:
    """Return RoleLastUsed, which has no members for a role that was not used."""
    use = await last_use(ctx, role_id)
    return {} if use is None else {"LastUsedDate": time_of(use["time"]), "Region": use["region"]}


async def key_last_used(ctx: Context, access_key: str) -> dict[str, Any]:
    use = await last_use(ctx, access_key)
    if use is None:
        return {"ServiceName": "N/A", "Region": "N/A"}
    return {"LastUsedDate": time_of(use["time"]), "ServiceName": use["service"], "Region": use["region"]}


async def forgotten(ctx: Context, id: str) -> DeleteRecord:
    """Return the change that forgets the uses of what is deleted."""
    if ctx.platform.last_uses is not None:
        await ctx.platform.last_uses.written()
    return DeleteRecord(ctx.global_scope, LAST_USE, id)
