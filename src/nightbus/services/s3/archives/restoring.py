"""Restores archived objects (RestoreObject), and ends restored copies when their time is over.

A record beside the version says when its copy ends, so that the duty needs not look at every object.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.replies import Reply
from nightbus.services.context import Context, Platform
from nightbus.services.s3.archives.state import is_archived, storage_class
from nightbus.services.s3.errors import invalid_argument, malformed_xml
from nightbus.services.s3.key_versions import find_version, versions_of_key
from nightbus.services.s3.lifecycle.rules import DAY_MS, next_midnight
from nightbus.services.s3.notifications.announcing import commit_announced, context_of
from nightbus.services.s3.notifications.object_events import ObjectEvent, iso_time
from nightbus.services.s3.records import BUCKET, ObjectVersion, object_kind
from nightbus.services.s3.version_writes import plan_change, require_open_bucket
from nightbus.store.interface import SYSTEM, Change, Conflict, DeleteRecord, PutRecord, Record
from nightbus.store.upkeep import one_of_many

RESTORED = "s3/restored"
_EVERY_SECONDS = 3600.0
_ACCEPTED, _OK = 202, 200


async def restore_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    restore_request: dict[str, Any] | None = None,
    expected_bucket_owner: str | None = None,
) -> Reply:
    """Restore a copy, or change when it ends: 202 for a new one, 200 for one that is there, as on AWS."""
    request = restore_request or {}
    record, version = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    days = _days(request)
    if not is_archived(version):
        text = "Restore is not allowed, as object's storage class is not GLACIER"
        raise AwsError("InvalidObjectState", text, 403, fields={"StorageClass": storage_class(version)})
    now = ctx.now_ms()
    until = next_midnight(now + days * DAY_MS)
    restored = replace(version, restored_until=until)
    events = []
    if version.restored_until <= now:
        events = [_event("Post", restored), _event("Completed", restored)]
    await _commit(ctx, record, version, restored, await _note(ctx, record, restored), *events)
    return Reply({}, _ACCEPTED if events else _OK)


def _days(request: dict[str, Any]) -> int:
    if request.get("Type") is not None or request.get("SelectParameters") is not None:
        raise not_supported("s3", "RestoreObject", "Type SELECT")
    days = request.get("Days")
    if days is None:
        raise malformed_xml()
    if days < 1:
        raise invalid_argument("restoration days should be at least 1", "Days", days)
    return int(days)


def _event(name: str, version: ObjectVersion) -> ObjectEvent:
    kind, until = storage_class(version), iso_time(version.restored_until)
    if name == "Post":
        return ObjectEvent("ObjectRestore:Post", version, detail={"source-storage-class": kind})
    data = {"lifecycleRestorationExpiryTime": until, "lifecycleRestoreStorageClass": kind}
    detail = {"restore-expiry-time": until[:-5] + "Z", "source-storage-class": kind}
    return ObjectEvent(
        f"ObjectRestore:{name}",
        version,
        record={"glacierEventData": {"restoreEventData": data}},
        detail=detail if name == "Completed" else {},
    )


async def _note(ctx: Context, bucket: Record, version: ObjectVersion) -> Change:
    key = f"{bucket.key}\0{version.key}\0{version.version_id}"
    existing = await ctx.store.get(SYSTEM, RESTORED, key)
    value = {"Bucket": bucket.key, "Key": version.key, "Version": version.version_id}
    revision = existing.revision if existing is not None else 0
    return PutRecord(SYSTEM, RESTORED, key, {**value, "Until": version.restored_until}, expect=revision)


async def _commit(
    ctx: Context, bucket: Record, old: ObjectVersion, new: ObjectVersion, note: Change, *events: ObjectEvent
) -> None:
    history = await versions_of_key(ctx, bucket, old.key)
    if history.find(old.version_id) != old:
        raise Conflict(object_kind(bucket.key), old.key)  # it was changed between the two reads
    changes = [require_open_bucket(bucket), *plan_change(bucket.key, new, history), note]
    await commit_announced(ctx, bucket, changes, *events)


async def end_restored_copies(platform: Platform) -> None:
    """A duty of one node: every hour, end the restored copies whose time is over."""
    while True:
        for note in await platform.store.list(SYSTEM, RESTORED):
            if note.value["Until"] <= platform.clock.now_ms():
                with one_of_many("ending the restored copy", note.key), contextlib.suppress(Conflict):
                    await _end(platform, note)
        await platform.clock.sleep(_EVERY_SECONDS)


async def _end(platform: Platform, note: Record) -> None:
    removal = DeleteRecord(SYSTEM, RESTORED, note.key, expect=note.revision)
    bucket = await platform.store.get(SYSTEM, BUCKET, note.value["Bucket"])
    if bucket is not None:
        ctx = context_of(platform, bucket)
        version = (await versions_of_key(ctx, bucket, note.value["Key"])).find(note.value["Version"])
        if version is not None and version.restored_until == note.value["Until"]:
            await _commit(
                ctx, bucket, version, replace(version, restored_until=0), removal, _event("Delete", version)
            )
            return
    await platform.store.commit(removal)
