"""Replicates multi-Region keys into other Regions of the node, and makes another Region the primary one.

The records of a multi-Region key, one for each Region, have the same id, material and rotation; policy, tags,
description and state are each one's own. What they share is changed in all of them in one commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.keys.records import (
    ENABLED,
    EXTERNAL,
    KEY,
    MATERIAL,
    PENDING_IMPORT,
    default_policy,
    key_arn,
    state_of,
)
from nightbus.services.context import Context
from nightbus.services.kms.errors import invalid, unsupported_operation
from nightbus.services.kms.finding import KeyRecord, key_record, refuse_unusable
from nightbus.services.kms.key_tags import tags_of
from nightbus.services.kms.metadata import metadata
from nightbus.services.kms.policies import check_principals
from nightbus.services.kms.policy_documents import check_policy
from nightbus.store.interface import Change, PutRecord, Record, RequireRecord, Store


def scopes_of(scope: Scope, value: Mapping[str, Any]) -> list[Scope]:
    """Return the scopes of a key and, of a multi-Region key, those of its primary and replicas; its own comes first."""
    regions = value.get("MultiRegion")
    if not regions:
        return [scope]
    others = [regions["Primary"], *regions["Replicas"]]
    return [scope, *(Scope(scope.account, one) for one in others if one != scope.region)]


def is_replica(scope: Scope, value: Mapping[str, Any]) -> bool:
    regions = value.get("MultiRegion")
    return regions is not None and bool(regions["Primary"] != scope.region)


async def changed_everywhere(
    store: Store, scope: Scope, record: Record, changed: Mapping[str, Any]
) -> list[Change]:
    """Return the changes of these members in every Region that has the key; None removes one."""
    changes: list[Change] = []
    for place in scopes_of(scope, record.value):
        one = record if place == scope else await store.get(place, KEY, record.key)
        if one is not None:
            value = {name: member for name, member in {**one.value, **changed}.items() if member is not None}
            changes.append(PutRecord(place, KEY, one.key, value, expect=one.revision))
    return changes


async def replicate_key(
    ctx: Context,
    *,
    key_id: str,
    replica_region: str,
    policy: str | None = None,
    bypass_policy_lockout_safety_check: bool = False,
    description: str = "",
    tags: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    found = await key_record(ctx, key_id, "ReplicateKey")
    _require_primary(found)
    refuse_unusable(found)
    there = Scope(found.scope.account, replica_region)
    if replica_region == found.scope.region:
        raise invalid("The replica Region must not be the Region of the primary key.")
    if await ctx.store.get(there, KEY, found.id) is not None:
        raise AwsError("AlreadyExistsException", f"{key_arn(there, found.id)} already exists.")
    text = policy or json.dumps(default_policy(there.account, there.region), indent=2)
    check_policy(
        text, ctx.caller, key_arn(there, found.id), there.account, bypass_policy_lockout_safety_check
    )
    principals = await check_principals(ctx, there.account, text)
    regions = found.value["MultiRegion"]
    regions = {**regions, "Replicas": [*regions["Replicas"], replica_region]}
    imported = found.value["Origin"] == EXTERNAL
    value = {
        **{name: one for name, one in found.value.items() if name not in ("ValidTo", "ExpirationModel")},
        "Description": description,
        "Policy": text,
        "Tags": tags_of(tags),
        "State": PENDING_IMPORT if imported else ENABLED,
        "Created": ctx.now_ms(),
        "MultiRegion": regions,
    }
    changes = await changed_everywhere(ctx.store, found.scope, found.record, {"MultiRegion": regions})
    changes.append(PutRecord(there, KEY, found.id, value, expect=0))
    material = await ctx.store.get(found.scope, MATERIAL, found.id)
    if material is not None and not imported:
        changes.append(RequireRecord(found.scope, MATERIAL, found.id, material.revision))
        changes.append(PutRecord(there, MATERIAL, found.id, material.value, expect=0))
    await ctx.store.commit(*changes, *principals)
    made = Record(found.id, value, 1)
    return {
        "ReplicaKeyMetadata": metadata(there, made, value["State"]),
        "ReplicaPolicy": text,
        "ReplicaTags": [{"TagKey": name, "TagValue": one} for name, one in value["Tags"].items()],
    }


async def update_primary_region(ctx: Context, *, key_id: str, primary_region: str) -> None:
    found = await key_record(ctx, key_id, "UpdatePrimaryRegion")
    _require_primary(found)
    refuse_unusable(found)
    regions = found.value["MultiRegion"]
    if primary_region == regions["Primary"]:
        return
    there = Scope(found.scope.account, primary_region)
    replica = await ctx.store.get(there, KEY, found.id)
    if primary_region not in regions["Replicas"] or replica is None:
        raise invalid(f"{key_arn(there, found.id)} is not a replica of the key.")
    refuse_unusable(
        KeyRecord(there, replica, key_arn(there, found.id), state_of(replica.value, ctx.now_ms()))
    )
    replicas = [one for one in regions["Replicas"] if one != primary_region]
    moved = {"Primary": primary_region, "Replicas": [*replicas, found.scope.region]}
    changes = await changed_everywhere(ctx.store, found.scope, found.record, {"MultiRegion": moved})
    await ctx.store.commit(*changes)


def _require_primary(found: KeyRecord) -> None:
    if not found.value.get("MultiRegion"):
        raise unsupported_operation(f"{found.arn} is not a multi-Region key.")
    if is_replica(found.scope, found.value):
        raise unsupported_operation(f"{found.arn} is not a multi-Region primary key.")
