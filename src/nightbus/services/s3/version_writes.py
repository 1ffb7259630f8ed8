"""Writes and deletes versions of objects as the bucket's versioning says.

Each key has at most one current version and any number of older ones, whose `order` grows by one with each write.
The order decides which version is the newest; times do not, since two writes may have the same millisecond.

| versioning | a write                                        | a delete without a version id        |
|------------|------------------------------------------------|--------------------------------------|
| never set  | replaces the null version                      | removes the null version             |
| Enabled    | adds a version with an id; the version that    | writes a delete marker with an id in |
|            | was current becomes an older one               | the same way                         |
| Suspended  | writes the null version and removes an older   | writes a delete marker as the null   |
|            | null version; others become older ones         | version in the same way              |

A delete that names a version id removes that version; if it was the current one, the newest older one becomes current.

`plan_write` and `plan_removal` are pure: they turn the versions that were read into changes. Each change names the
revision of the record that it replaces, and `require_open_bucket` the bucket's. So of two concurrent writers the second
gets a Conflict, reads again, checks its conditions again and plans again. Without the bucket's revision a write could
follow the old versioning after a PutBucketVersioning, or put an object into a bucket that is being deleted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from nightbus.services.context import Context
from nightbus.services.s3.errors import no_such_bucket
from nightbus.services.s3.key_versions import KeyVersions, versions_of_key
from nightbus.services.s3.notifications.announcing import commit_announced
from nightbus.services.s3.notifications.object_events import ObjectEvent
from nightbus.services.s3.records import (
    BUCKET,
    NULL_VERSION,
    ObjectVersion,
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

Check = Callable[[ObjectVersion | None], None]
Extra = Callable[[], Awaitable[Sequence[Change]]]


@retries_on_conflict
async def write_version(
    ctx: Context, bucket: str, version: ObjectVersion, event: str, check: Check, extra: Extra | None = None
) -> tuple[Record, ObjectVersion]:
    """Make `version` the key's current version, with a new id and order. Returns the bucket's record and the version.

    `event` is what notifications call it, such as `ObjectCreated:Put`. `check` gets the current version and raises
    AwsError to refuse the write. `extra` returns further changes for the commit. Both are called again for each attempt
    after a conflict.
    """
    record = await open_bucket(ctx, bucket)
    history = await versions_of_key(ctx, record, version.key)
    check(history.current)
    new = next_version(record, history, version)
    changes = [require_open_bucket(record), *plan_write(bucket, new, history)]
    if extra is not None:
        changes += await extra()
    await commit_announced(ctx, record, changes, ObjectEvent(event, new))
    return record, new


@retries_on_conflict
async def delete_version(
    ctx: Context, bucket: str, key: str, version_id: str | None, check: Check, kind: str = "ObjectRemoved"
) -> tuple[Record, ObjectVersion | None]:
    """Delete one version, or the key's current one. `check` gets the affected version and raises AwsError to refuse.

    `kind` is what notifications call the deletion.

    Returns the bucket's record and the deleted version, the new delete marker, or None if there was nothing to delete.
    """
    record = await open_bucket(ctx, bucket)
    history = await versions_of_key(ctx, record, key)
    affected = history.find(version_id) if version_id is not None else history.current
    check(affected)
    if version_id is None and was_ever_versioned(record):
        marker = next_version(record, history, ObjectVersion(key, "", ctx.now_ms(), "", delete_marker=True))
        affected, changes = marker, plan_write(bucket, marker, history)
        event = f"{kind}:DeleteMarkerCreated"
    elif affected is None:
        return record, None
    else:
        changes, event = plan_removal(bucket, affected, history), f"{kind}:Delete"
    changes = [require_open_bucket(record), *changes]
    await commit_announced(ctx, record, changes, ObjectEvent(event, affected))
    return record, affected


async def open_bucket(ctx: Context, bucket: str) -> Record:
    """Return the bucket's record. Raises AwsError NoSuchBucket for a bucket that is being deleted, too."""
    record = await find_bucket(ctx, bucket)
    if record.value.get("Closing"):
        raise no_such_bucket(bucket)
    return record


def require_open_bucket(bucket: Record) -> Change:
    return RequireRecord(SYSTEM, BUCKET, bucket.key, bucket.revision)


def next_version(bucket: Record, history: KeyVersions, version: ObjectVersion) -> ObjectVersion:
    """Return `version` with the next order of its key, and with an id as the bucket's versioning says."""
    order = history.current.order + 1 if history.current is not None else 1
    version_id = new_version_id() if is_versioned(bucket) else NULL_VERSION
    return replace(version, version_id=version_id, order=order)


def plan_write(bucket: str, version: ObjectVersion, history: KeyVersions) -> list[Change]:
    """Return the changes that make `version` current, while the current version becomes an older one.

    If `version` is the null version, an existing null version is removed, whether it is current or older.
    """
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


def plan_removal(bucket: str, removed: ObjectVersion, history: KeyVersions) -> list[Change]:
    """Return the changes that remove one version. If it is the current one, the newest older one becomes current."""
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


def plan_change(bucket: str, changed: ObjectVersion, history: KeyVersions) -> list[Change]:
    """Return the changes that rewrite a version in its place, for example with other tags."""
    if history.current is not None and history.current.order == changed.order:
        kind, key, revision = object_kind(bucket), changed.key, history.revision
    else:
        kind, key, revision = version_kind(bucket), changed.older_key(), history.revision_of(changed)
    return [PutRecord(SYSTEM, kind, key, changed.value(), expect=revision)]


def _release(version: ObjectVersion) -> list[Change]:
    return [ReleaseBlob(version.digest, version.owner)] if version.digest else []
