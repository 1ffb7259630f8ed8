"""What stands of one key: its current version, and the older ones newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nightbus.services.context import Context
from nightbus.services.s3.errors import marker_asked_for, no_such_key, no_such_version
from nightbus.services.s3.public_access import check_anonymous
from nightbus.services.s3.records import (
    Version,
    find_bucket,
    object_kind,
    version_kind,
    was_ever_versioned,
)
from nightbus.store.interface import SYSTEM, Record


@dataclass(frozen=True, slots=True)
class History:
    """`revision` is that of the current version's record (0 for none); the older ones stand beside theirs."""

    current: Version | None = None
    revision: int = 0
    older: list[tuple[Version, int]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Version]:
        """Newest first."""
        if self.current is not None:
            yield self.current
        for version, _ in self.older:
            yield version

    def find(self, version_id: str) -> Version | None:
        return next((version for version in self if version.version_id == version_id), None)

    def revision_of(self, version: Version) -> int:
        return next(revision for older, revision in self.older if older.order == version.order)


async def history_of(ctx: Context, bucket: Record, key: str) -> History:
    """As it stood at one moment: versions move between the two kinds of records, so the current one is read again."""
    while True:
        record = await ctx.store.get(SYSTEM, object_kind(bucket.key), key)
        if record is None:
            return History()
        older: list[tuple[Version, int]] = []
        if was_ever_versioned(bucket):
            records = await ctx.store.list(SYSTEM, version_kind(bucket.key), prefix=f"{key}\0")
            older = [(Version.of(one), one.revision) for one in records]
            again = await ctx.store.get(SYSTEM, object_kind(bucket.key), key)
            if again is None or again.revision != record.revision or again.value != record.value:
                continue
        return History(Version.of(record), record.revision, older)


async def find_version(
    ctx: Context, bucket: str, key: str, version_id: str | None, expected_owner: str | None = None
) -> tuple[Record, Version]:
    """The bucket and the version. Raises NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker, and
    AccessDenied for anonymous callers whom the bucket's policy does not let read the object."""
    record = await find_bucket(ctx, bucket, expected_owner)
    check_anonymous(ctx.caller, record, key, version_id)
    if version_id is None:
        kept = await ctx.store.get(SYSTEM, object_kind(bucket), key)
        if kept is None:
            raise no_such_key(key)
        current = Version.of(kept)
        if current.delete_marker:
            headers = {"x-amz-delete-marker": "true", "x-amz-version-id": current.version_id}
            raise no_such_key(key, headers)
        return record, current
    found = (await history_of(ctx, record, key)).find(version_id)
    if found is None:
        raise no_such_version(key, version_id)
    if found.delete_marker:
        raise marker_asked_for(found.last_modified)
    return record, found
