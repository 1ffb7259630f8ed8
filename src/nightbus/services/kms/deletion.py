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
    PENDING_REPLICA_DELETION,
    key_arn,
    state_of,
)
from nightbus.services.context import Context, Platform
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_pending_deletion
from nightbus.services.kms.imports import without_material
from nightbus.services.kms.key_events import DELETION, EXPIRATION, commit_rotation, commit_with_event
from nightbus.services.kms.regions import scopes_of
from nightbus.services.kms.rotation import AUTOMATIC, is_due, rotated
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, Store
from nightbus.store.upkeep import one_of_many

DAY_MS = 86_400_000
_WINDOW_DAYS = 30


async def schedule_key_deletion(
    ctx: Context, *, key_id: str, pending_window_in_days: int = _WINDOW_DAYS
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ScheduleKeyDeletion")
    refuse_pending_deletion(found)
    reply = {"KeyId": found.arn, "PendingWindowInDays": pending_window_in_days}
    regions = found.value.get("MultiRegion")
    if regions and regions["Primary"] == found.scope.region and regions["Replicas"]:
        window = {"State": PENDING_REPLICA_DELETION, "PendingWindow": pending_window_in_days}
        await ctx.store.commit(found.put(**window))
        return {**reply, "KeyState": PENDING_REPLICA_DELETION}
    when = ctx.now_ms() + pending_window_in_days * DAY_MS
    await ctx.store.commit(found.put(State=PENDING_DELETION, DeletionTime=when))
    return {**reply, "KeyState": PENDING_DELETION, "DeletionDate": when / 1000}


async def cancel_key_deletion(ctx: Context, *, key_id: str) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "CancelKeyDeletion")
    if found.state not in (PENDING_DELETION, PENDING_REPLICA_DELETION):
        raise invalid_state(f"{found.arn} is not pending deletion.")
    without_material = found.value["Origin"] == EXTERNAL and found.value.get("Material") is None
    state = PENDING_IMPORT if without_material else DISABLED
    await ctx.store.commit(found.put(State=state, DeletionTime=None, PendingWindow=None))
    return {"KeyId": found.arn}


async def delete_key(platform: Platform, scope: Scope, record: Record, now: int) -> None:
    """Delete a key with its material, aliases and grants, unless it has changed since `record` was read."""
    store = platform.store
    changes: list[Change] = [
        DeleteRecord(scope, KEY, record.key, expect=record.revision),
        DeleteRecord(scope, MATERIAL, record.key),
    ]
    aliases = await store.list(scope, ALIAS)
    # Without `expect`, an alias that has got another key meanwhile would go too.
    changes += [
        DeleteRecord(scope, ALIAS, one.key, expect=one.revision)
        for one in aliases
        if one.value["KeyId"] == record.key
    ]
    grants = await store.list(scope, GRANT, prefix=f"{record.key}:")
    changes += [DeleteRecord(scope, GRANT, one.key) for one in grants]
    changes += await _left_behind(store, scope, record, now)
    await commit_with_event(platform, scope, record.key, DELETION, *changes)


async def _left_behind(store: Store, scope: Scope, record: Record, now: int) -> list[Change]:
    """Return the changes of the same key in other Regions; the window of a primary begins with its last replica."""
    changes: list[Change] = []
    for place in scopes_of(scope, record.value)[1:]:
        other = await store.get(place, KEY, record.key)
        if other is None:
            continue
        regions = other.value["MultiRegion"]
        replicas = [one for one in regions["Replicas"] if one != scope.region]
        value = {**other.value, "MultiRegion": {**regions, "Replicas": replicas}}
        if not replicas and value["State"] == PENDING_REPLICA_DELETION:
            value |= {"State": PENDING_DELETION, "DeletionTime": now + value.pop("PendingWindow") * DAY_MS}
        changes.append(PutRecord(place, KEY, other.key, value, expect=other.revision))
    return changes


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
            await delete_key(platform, scope, record, now)
    elif state_of(value, now) == PENDING_IMPORT != value["State"]:
        found = KeyRecord(scope, record, key_arn(scope, record.key), PENDING_IMPORT)
        await commit_with_event(platform, scope, record.key, EXPIRATION, *without_material(found))
    elif is_due(scope, value, now):
        changes = await rotated(platform.keys, platform.store, scope, record, AUTOMATIC)
        await commit_rotation(platform, scope, record.key, value, AUTOMATIC, changes)
