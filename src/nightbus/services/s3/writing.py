"""How does a key get a new current version, or lose one, whatever the bucket's versioning says?

Pure planning over what stands now; the record of the current version is swapped by its revision, so that of two
writers at one moment the second plans again (and may find its condition no longer met).
"""

from __future__ import annotations

from collections.abc import Callable

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.s3.records import (
    NULL_VERSION,
    Version,
    current_version,
    find_bucket,
    is_versioned,
    new_version_id,
    object_kind,
    older_versions,
    version_kind,
)
from nightbus.store.interface import (
    SYSTEM,
    Change,
    Conflict,
    DeleteRecord,
    KeepBlob,
    PutRecord,
    Record,
    ReleaseBlob,
)

_ATTEMPTS = 50


async def version_id_for(bucket: Record) -> str:
    return new_version_id() if is_versioned(bucket) else NULL_VERSION


def was_ever_versioned(bucket: Record) -> bool:
    return bool(bucket.value.get("VersioningConfiguration", {}).get("Status"))


async def write(
    ctx: Context, bucket: str, version: Version, check: Callable[[Version | None], None], *extra: Change
) -> None:
    """Make `version` the current one, `extra` in the same commit. `check` raises what forbids it."""
    for _ in range(_ATTEMPTS):
        record = await find_bucket(ctx, bucket)
        current, revision = await current_version(ctx, bucket, version.key)
        check(current)
        older = await older_versions(ctx, bucket, version.key) if was_ever_versioned(record) else []
        changes = plan_write(bucket, version, current, revision, older)
        try:
            await ctx.store.commit(*changes, *extra)
            return
        except Conflict:
            continue
    text = "A conflicting conditional operation is currently in progress against this resource. Please try again."
    raise AwsError("ConditionalRequestConflict", text, 409)


def plan_write(
    bucket: str, version: Version, current: Version | None, revision: int, older: list[Version]
) -> list[Change]:
    """A version of another id moves to the older ones; the null version is overwritten wherever it stands."""
    changes: list[Change] = []
    if version.digest:
        changes.append(KeepBlob(version.digest, version.owner))
    if current is not None:
        if current.version_id == version.version_id:
            changes += _release(current)
        else:
            changes.append(PutRecord(SYSTEM, version_kind(bucket), current.older_key(), current.value()))
    if version.version_id == NULL_VERSION:
        for other in older:
            if other.version_id == NULL_VERSION:
                changes.append(DeleteRecord(SYSTEM, version_kind(bucket), other.older_key()))
                changes += _release(other)
    changes.append(PutRecord(SYSTEM, object_kind(bucket), version.key, version.value(), expect=revision))
    return changes


def _release(version: Version) -> list[Change]:
    return [ReleaseBlob(version.digest, version.owner)] if version.digest else []


def plan_removal(
    bucket: str, removed: Version, current: Version | None, revision: int, older: list[Version]
) -> list[Change]:
    """One version goes for good; the newest older one becomes current when the current one goes."""
    changes: list[Change] = _release(removed)
    if current is not None and removed.version_id == current.version_id:
        if older:
            newest = older[0]
            changes.append(DeleteRecord(SYSTEM, version_kind(bucket), newest.older_key()))
            changes.append(
                PutRecord(SYSTEM, object_kind(bucket), newest.key, newest.value(), expect=revision)
            )
        else:
            changes.append(DeleteRecord(SYSTEM, object_kind(bucket), removed.key, expect=revision))
    else:
        changes.append(DeleteRecord(SYSTEM, version_kind(bucket), removed.older_key()))
    return changes


async def delete(ctx: Context, bucket: Record, key: str, version_id: str | None) -> Version | None:
    """What was deleted (with a version id), the delete marker that was made, or None where nothing had to be done."""
    name = bucket.key
    for _ in range(_ATTEMPTS):
        current, revision = await current_version(ctx, name, key)
        older = await older_versions(ctx, name, key)
        if version_id is not None:
            every = [current, *older] if current else older
            removed = next((one for one in every if one.version_id == version_id), None)
            if removed is None:
                return None
            result, changes = removed, plan_removal(name, removed, current, revision, older)
        elif was_ever_versioned(bucket):
            marker_id = new_version_id() if is_versioned(bucket) else NULL_VERSION
            result = Version(key, marker_id, ctx.now_ms(), "", delete_marker=True)
            changes = plan_write(name, result, current, revision, older)
        elif current is None:
            return None
        else:
            result, changes = current, plan_removal(name, current, current, revision, older)
        try:
            await ctx.store.commit(*changes)
            return result
        except Conflict:
            continue
    raise AwsError("OperationAborted", "A conflicting operation is in progress against this resource.", 409)
