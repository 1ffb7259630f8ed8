"""Schedules the deletion of keys; a duty deletes each key whose window is over, with all that belongs to it.

The same duty removes imported key material that has expired, and rotates keys whose time has come.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.keys.errors import invalid_state
from nightbus.keys.records import (
    ALIAS,
    DISABLED,
    EXTERNAL,
    GRANT,
    KEY,
    MATERIAL,
    PENDING_DELETION,
    PENDING_IMPORT,
)
from nightbus.services.context import Context, Platform
from nightbus.services.kms.finding import key_record, refuse_pending_deletion
from nightbus.services.kms.rotation import AUTOMATIC, is_due, rotated
from nightbus.store.interface import Change, DeleteRecord, Record, Store
from nightbus.store.upkeep import one_of_many

DAY_MS = 86_400_000
_WINDOW_DAYS = 30


async def schedule_key_deletion(
    ctx: Context, *, key_id: str, pending_window_in_days: int = _WINDOW_DAYS
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ScheduleKeyDeletion")
    refuse_pending_deletion(found)
    when = ctx.now_ms() + pending_window_in_days * DAY_MS
    await ctx.store.commit(found.put(State=PENDING_DELETION, DeletionTime=when))
    return {
        "KeyId": found.arn,
        "DeletionDate": when / 1000,
        "KeyState": PENDING_DELETION,
        "PendingWindowInDays": pending_window_in_days,
    }


async def cancel_key_deletion(ctx: Context, *, key_id: str) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "CancelKeyDeletion")
    if found.state != PENDING_DELETION:
        raise invalid_state(f"{found.arn} is not pending deletion.")
    without_material = found.value["Origin"] == EXTERNAL and found.value.get("Material") is None
    state = PENDING_IMPORT if without_material else DISABLED
    await ctx.store.commit(found.put(State=state, DeletionTime=None))
    return {"KeyId": found.arn}


async def delete_key(store: Store, scope: Scope, record: Record) -> None:
    """Delete a key with its material, aliases and grants, unless it has changed since `record` was read."""
    changes: list[Change] = [
        DeleteRecord(scope, KEY, record.key, expect=record.revision),
        DeleteRecord(scope, MATERIAL, record.key),
    ]
    aliases = await store.list(scope, ALIAS)
    changes += [DeleteRecord(scope, ALIAS, one.key) for one in aliases if one.value["KeyId"] == record.key]
    grants = await store.list(scope, GRANT, prefix=f"{record.key}:")
    changes += [DeleteRecord(scope, GRANT, one.key) for one in grants]
    await store.commit(*changes)


async def keep_up_keys(platform: Platform) -> None:
    """Do every hour what is due: deletions of keys and of expired material, and rotations."""
    while True:
        now = platform.clock.now_ms()
        for scope in await platform.store.scopes(KEY):
            for record in await platform.store.list(scope, KEY):
                with one_of_many("keeping up key", record.key):
                    await _keep_up(platform, scope, record, now)
        await platform.clock.sleep(3600)


async def _keep_up(platform: Platform, scope: Scope, record: Record, now: int) -> None:
    value = record.value
    if value["State"] == PENDING_DELETION:
        if value["DeletionTime"] <= now:
            await delete_key(platform.store, scope, record)
    elif is_due(value, now):
        changes = await rotated(platform.keys, platform.store, scope, record, AUTOMATIC)
        await platform.store.commit(*changes)
