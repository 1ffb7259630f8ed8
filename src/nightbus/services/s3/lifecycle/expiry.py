"""Carries out the lifecycle rules of all buckets, once an hour, on one node at a time.

Each key and each upload is dealt with in a commit of its own, which goes by what was read: a version that changed
meanwhile is left to the next time. What happens is announced as S3 announces it, in the same commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from nightbus.services.context import Context, Platform
from nightbus.services.s3.key_versions import KeyVersions, versions_of_key
from nightbus.services.s3.lifecycle.rules import (
    STANDARD,
    Action,
    Expire,
    Move,
    Rule,
    aborts,
    decide,
    rules_of,
)
from nightbus.services.s3.notifications.announcing import commit_announced, context_of
from nightbus.services.s3.notifications.object_events import ObjectEvent
from nightbus.services.s3.records import (
    BUCKET,
    ObjectVersion,
    object_kind,
    upload_kind,
    was_ever_versioned,
)
from nightbus.services.s3.uploads.uploads import upload_removal
from nightbus.services.s3.version_writes import delete_version, plan_change, require_open_bucket
from nightbus.store.interface import SYSTEM, Conflict, Record
from nightbus.store.upkeep import one_of_many

_EVERY_SECONDS = 3600.0
_PAGE = 250


class _Changed(Exception):
    """The version is not what the decision was about any more."""


async def apply_lifecycle_rules(platform: Platform) -> None:
    """A duty of one node."""
    while True:
        async for bucket in _pages(platform, BUCKET):
            rules = rules_of(bucket.value.get("Lifecycle") or {})
            if rules:
                with one_of_many("the lifecycle of bucket", bucket.key):
                    await _apply(context_of(platform, bucket), bucket, rules)
        await platform.clock.sleep(_EVERY_SECONDS)


async def _apply(ctx: Context, bucket: Record, rules: Sequence[Rule]) -> None:
    smallest = bucket.value["Lifecycle"].get("TransitionDefaultMinimumObjectSize", "")
    looks_back = was_ever_versioned(bucket)
    async for record in _pages(ctx.platform, object_kind(bucket.key)):
        with one_of_many("the lifecycle of object", f"{bucket.key}/{record.key}"):
            history = KeyVersions(ObjectVersion.of(record), record.revision)
            if looks_back:
                history = await versions_of_key(ctx, bucket, record.key)
            for action in decide(rules, history, ctx.now_ms(), smallest):
                with contextlib.suppress(_Changed, Conflict):
                    await _carry_out(ctx, bucket, action)
    if any(rule.abort_days is not None for rule in rules):
        async for upload in _pages(ctx.platform, upload_kind(bucket.key)):
            if aborts(rules, upload.value["Key"], upload.value["Initiated"], ctx.now_ms()):
                with contextlib.suppress(Conflict):
                    await ctx.store.commit(*await upload_removal(ctx, bucket.key, upload))


async def _carry_out(ctx: Context, bucket: Record, action: Action) -> None:
    """Raises _Changed and Conflict where the version is another one by now."""
    if isinstance(action, Move):
        await _move(ctx, bucket, action)
        return
    version = action.version

    def check(affected: ObjectVersion | None) -> None:
        if affected is None or (affected.order, affected.modified) != (version.order, version.modified):
            raise _Changed

    version_id = None if isinstance(action, Expire) else version.version_id
    await delete_version(ctx, bucket.key, version.key, version_id, check, "LifecycleExpiration")


async def _move(ctx: Context, bucket: Record, action: Move) -> None:
    history = await versions_of_key(ctx, bucket, action.version.key)
    if history.find(action.version.version_id) != action.version:
        raise _Changed
    headers = {**action.version.headers, "StorageClass": action.storage_class}
    moved = replace(action.version, headers=headers)
    source = action.version.headers.get("StorageClass", STANDARD)
    event = ObjectEvent(
        "LifecycleTransition",
        moved,
        record={
            "lifecycleEventData": {"transitionEventData": {"destinationStorageClass": action.storage_class}}
        },
        detail={"source-storage-class": source, "destination-storage-class": action.storage_class},
    )
    changes = [require_open_bucket(bucket), *plan_change(bucket.key, moved, history)]
    await commit_announced(ctx, bucket, changes, event)


async def _pages(platform: Platform, kind: str) -> AsyncIterator[Record]:
    after = ""
    while records := await platform.store.list(SYSTEM, kind, after=after, limit=_PAGE):
        after = records[-1].key
        for record in records:
            yield record
