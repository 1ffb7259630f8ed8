"""How does a key get a new current version, or lose one, whatever the bucket's versioning says?

Pure planning over what stands now. The commit holds the revisions of all that the plan was made from, the bucket's
too, so that of two writers at one moment the second plans again (and may find its condition no longer met).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from nightbus.services.context import Context
from nightbus.services.s3.errors import no_such_bucket
from nightbus.services.s3.history import History, history_of
from nightbus.services.s3.records import (
    BUCKET,
    NULL_VERSION,
    Version,
    find_bucket,
    is_versioned,
    new_version_id,
    object_kind,
    version_kind,
    was_ever_versioned,
)
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import (
    SYSTEM,
    Change,
    DeleteRecord,
    KeepBlob,
    PutRecord,
    Record,
    ReleaseBlob,
    RequireRecord,
)

Check = Callable[[Version | None], None]
Extra = Callable[[], Awaitable[Sequence[Change]]]


@retries_on_conflict
async def write(
    ctx: Context, bucket: str, version: Version, check: Check, extra: Extra | None = None
) -> tuple[Record, Version]:
    """Make `version` the key's current one; its id and order are set here. Returns it beside the bucket as it stood.

    `check` raises what forbids it; `extra` tells what else belongs into the commit, anew for each attempt.
    """
    record = await open_bucket(ctx, bucket)
    history = await history_of(ctx, record, version.key)
    check(history.current)
    new = following(record, history, version)
    changes = [still_open(record), *plan_write(bucket, new, history)]
    if extra is not None:
        changes += await extra()
    await ctx.store.commit(*changes)
    return record, new


@retries_on_conflict
async def delete(
    ctx: Context, bucket: str, key: str, version_id: str | None, check: Check
) -> tuple[Record, Version | None]:
    """What was deleted, the delete marker that was made, or None where nothing had to be done."""
    record = await open_bucket(ctx, bucket)
    history = await history_of(ctx, record, key)
    affected = history.find(version_id) if version_id is not None else history.current
    check(affected)
    if version_id is None and was_ever_versioned(record):
        marker = following(record, history, Version(key, "", ctx.now_ms(), "", delete_marker=True))
        affected, changes = marker, plan_write(bucket, marker, history)
    elif affected is None:
        return record, None
    else:
        changes = plan_removal(bucket, affected, history)
    await ctx.store.commit(still_open(record), *changes)
    return record, affected


async def open_bucket(ctx: Context, bucket: str) -> Record:
    """A bucket that takes new things: not one that is just being deleted."""
    record = await find_bucket(ctx, bucket)
    if record.value.get("Closing"):
        raise no_such_bucket(bucket)
    return record


def still_open(bucket: Record) -> Change:
    return RequireRecord(SYSTEM, BUCKET, bucket.key, bucket.revision)


def following(bucket: Record, history: History, version: Version) -> Version:
    """`version` as the newest of its key."""
    order = history.current.order + 1 if history.current is not None else 1
    version_id = new_version_id() if is_versioned(bucket) else NULL_VERSION
    return replace(version, version_id=version_id, order=order)


def plan_write(bucket: str, version: Version, history: History) -> list[Change]:
    """A version of another id moves to the older ones; the null version is overwritten wherever it stands."""
    changes: list[Change] = []
    if version.digest:
        changes.append(KeepBlob(version.digest, version.owner))
    current = history.current
    if current is not None:
        if current.version_id == version.version_id:
            changes += _release(current)
        else:
            changes.append(PutRecord(SYSTEM, version_kind(bucket), current.older_key(), current.value(), 0))
    if version.version_id == NULL_VERSION:
        for other, revision in history.older:
            if other.version_id == NULL_VERSION:
                changes.append(DeleteRecord(SYSTEM, version_kind(bucket), other.older_key(), revision))
                changes += _release(other)
    changes.append(PutRecord(SYSTEM, object_kind(bucket), version.key, version.value(), history.revision))
    return changes


def plan_removal(bucket: str, removed: Version, history: History) -> list[Change]:
    """One version goes for good; the newest older one becomes current when the current one goes."""
    changes: list[Change] = _release(removed)
    if history.current is None or removed.order != history.current.order:
        revision = history.revision_of(removed)
        changes.append(DeleteRecord(SYSTEM, version_kind(bucket), removed.older_key(), revision))
    elif history.older:
        newest, revision = history.older[0]
        changes.append(DeleteRecord(SYSTEM, version_kind(bucket), newest.older_key(), revision))
        changes.append(
            PutRecord(SYSTEM, object_kind(bucket), newest.key, newest.value(), expect=history.revision)
        )
    else:
        changes.append(DeleteRecord(SYSTEM, object_kind(bucket), removed.key, expect=history.revision))
    return changes


def plan_change(bucket: str, changed: Version, history: History) -> list[Change]:
    """The same version with something else about it, such as tags."""
    if history.current is not None and history.current.order == changed.order:
        kind, key, revision = object_kind(bucket), changed.key, history.revision
    else:
        kind, key, revision = version_kind(bucket), changed.older_key(), history.revision_of(changed)
    return [PutRecord(SYSTEM, kind, key, changed.value(), expect=revision)]


def _release(version: Version) -> list[Change]:
    return [ReleaseBlob(version.digest, version.owner)] if version.digest else []
