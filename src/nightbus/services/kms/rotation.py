"""Rotates the material of symmetric keys: by schedule, on demand, and as a list of what was.

A rotation adds material to the key's record and makes it the current one. Former material stays, so ciphertexts name
theirs and open as before. The key's id, ARN, policy and aliases stay too.
"""

from __future__ import annotations

import secrets
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.pagination import page
from nightbus.keys.directory import Keys
from nightbus.keys.records import AWS_KMS, ENABLED, KEY, MATERIAL, SYMMETRIC
from nightbus.services.context import Context
from nightbus.services.kms.errors import bad_marker, limit_exceeded, unsupported_operation
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_pending_deletion, refuse_unusable
from nightbus.services.kms.key_events import commit_rotation
from nightbus.services.kms.regions import changed_everywhere, is_replica, scopes_of
from nightbus.store.interface import Change, PutRecord, Record, Store

DAY_MS = 86_400_000
AUTOMATIC, ON_DEMAND = "AUTOMATIC", "ON_DEMAND"
_PERIOD_DAYS = 365
_MOST_ON_DEMAND = 25  # https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
_PAGE = 100


async def enable_key_rotation(
    ctx: Context, *, key_id: str, rotation_period_in_days: int = _PERIOD_DAYS
) -> None:
    found = await key_record(ctx, key_id, "EnableKeyRotation")
    refuse_unusable(found)
    _refuse_unrotatable(found, "EnableKeyRotation")
    former = found.value.get("Rotation") or {}
    if former.get("Period") == rotation_period_in_days:
        return
    following = ctx.now_ms() + rotation_period_in_days * DAY_MS
    rotation = {"Period": rotation_period_in_days, "Next": following}
    await ctx.store.commit(
        *await changed_everywhere(ctx.store, found.scope, found.record, {"Rotation": rotation})
    )


async def disable_key_rotation(ctx: Context, *, key_id: str) -> None:
    found = await key_record(ctx, key_id, "DisableKeyRotation")
    refuse_unusable(found)
    _refuse_unrotatable(found, "DisableKeyRotation")
    await ctx.store.commit(
        *await changed_everywhere(ctx.store, found.scope, found.record, {"Rotation": None})
    )


async def get_key_rotation_status(ctx: Context, *, key_id: str) -> dict[str, Any]:
    """Return whether the key rotates by itself, which asymmetric and HMAC keys never do."""
    found = await key_record(ctx, key_id, "GetKeyRotationStatus", changes=False)
    refuse_pending_deletion(found)
    rotation = found.value.get("Rotation")
    reply: dict[str, Any] = {"KeyId": found.arn, "KeyRotationEnabled": rotation is not None}
    if rotation is None:
        return reply
    return {
        **reply,
        "RotationPeriodInDays": rotation["Period"],
        "NextRotationDate": rotation["Next"] / 1000,
    }


async def rotate_key_on_demand(ctx: Context, *, key_id: str) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "RotateKeyOnDemand")
    refuse_unusable(found)
    _refuse_unrotatable(found, "RotateKeyOnDemand")
    versions = (await _material(ctx.store, found.scope, found.id)).value["Versions"]
    if ctx.platform.quotas and sum(one.get("Type") == ON_DEMAND for one in versions) >= _MOST_ON_DEMAND:
        raise limit_exceeded(f"The key has been rotated on demand {_MOST_ON_DEMAND} times.")
    changes = await rotated(ctx.platform.keys, ctx.store, found.scope, found.record, ON_DEMAND)
    await commit_rotation(ctx.platform, found.scope, found.id, found.value, ON_DEMAND, changes)
    return {"KeyId": found.arn}


async def list_key_rotations(
    ctx: Context,
    *,
    key_id: str,
    include_key_material: str = "ROTATIONS_ONLY",
    limit: int = _PAGE,
    marker: str | None = None,
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ListKeyRotations", changes=False)
    refuse_pending_deletion(found)
    if found.value["KeySpec"] != SYMMETRIC:
        raise unsupported_operation()
    record = await ctx.store.get(found.scope, MATERIAL, found.id)
    versions = [] if record is None else record.value["Versions"]
    if include_key_material == "ROTATIONS_ONLY":
        versions = [one for one in versions if one.get("Type")]
    chosen, following = page(
        versions, lambda one: f"{one['Since']:015d} {one['Id']}", limit, marker, bad_marker()
    )
    rotations = [_shown(found, one) for one in chosen]
    return {"Rotations": rotations, "NextMarker": following, "Truncated": following is not None}


def _shown(found: KeyRecord, version: dict[str, Any]) -> dict[str, Any]:
    current = version["Id"] == found.value.get("Material")
    shown = {
        "KeyId": found.arn,
        "KeyMaterialId": version["Id"],
        "KeyMaterialState": "CURRENT" if current else "NON_CURRENT",
    }
    if version.get("Type"):
        return {**shown, "RotationType": version["Type"], "RotationDate": version["Since"] / 1000}
    return shown


def _refuse_unrotatable(found: KeyRecord, operation: str) -> None:
    value = found.value
    if value["KeySpec"] != SYMMETRIC or value["Origin"] != AWS_KMS or is_replica(found.scope, value):
        raise unsupported_operation(f"You cannot perform {operation} on the KMS key {found.arn}.")


async def _material(store: Store, scope: Scope, key_id: str) -> Record:
    record = await store.get(scope, MATERIAL, key_id)
    if record is None:
        raise unsupported_operation()
    return record


async def rotated(keys: Keys, store: Store, scope: Scope, record: Record, kind: str) -> list[Change]:
    """Return the changes that give a key new material, in all Regions that have the key."""
    version = {**await keys.new_material(secrets.token_bytes(32)), "Type": kind}
    changes: list[Change] = []
    for place in scopes_of(scope, record.value):
        key = record if place == scope else await store.get(place, KEY, record.key)
        if key is None:
            continue
        material = await _material(store, place, record.key)
        value = {**key.value, "Material": version["Id"]}
        if kind == AUTOMATIC and value.get("Rotation"):
            rotation = value["Rotation"]
            value["Rotation"] = {**rotation, "Next": version["Since"] + rotation["Period"] * DAY_MS}
        versions = {"Current": version["Id"], "Versions": [*material.value["Versions"], version]}
        changes += [
            PutRecord(place, KEY, record.key, value, expect=key.revision),
            PutRecord(place, MATERIAL, record.key, versions, expect=material.revision),
        ]
    return changes


def is_due(scope: Scope, value: dict[str, Any], now_ms: int) -> bool:
    """Return whether a key is to be rotated now. Keys that are disabled or to be deleted wait."""
    rotation = value.get("Rotation")
    if rotation is None or is_replica(scope, value) or value["State"] != ENABLED:
        return False
    return bool(rotation["Next"] <= now_ms)
