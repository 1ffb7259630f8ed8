"""Reads the versions of one key: the current one, and the older ones with the newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.s3.buckets.public_access import check_anonymous, check_anonymous_listing
from nightbus.services.s3.errors import delete_marker_refused, no_such_key, no_such_object_version
from nightbus.services.s3.records import (
    ObjectVersion,
    bucket_arn,
    find_bucket,
    object_kind,
    version_kind,
    was_ever_versioned,
)
from nightbus.store.interface import SYSTEM, Record

_NO_PREFIX = {"s3:prefix": "", "s3:delimiter": "", "s3:max-keys": ""}


@dataclass(frozen=True, slots=True)
class KeyVersions:
    """The versions of one key, with the revisions of their records for `expect`.

    `revision` is that of the current version's record, 0 if there is none. `older` has each version with its revision.
    """

    current: ObjectVersion | None = None
    revision: int = 0
    older: list[tuple[ObjectVersion, int]] = field(default_factory=list)

    def __iter__(self) -> Iterator[ObjectVersion]:
        """Iterate over all versions, the newest first."""
        if self.current is not None:
            yield self.current
        for version, _ in self.older:
            yield version

    def find(self, version_id: str) -> ObjectVersion | None:
        return next((version for version in self if version.version_id == version_id), None)

    def revision_of(self, version: ObjectVersion) -> int:
        return next(revision for older, revision in self.older if older.order == version.order)


async def versions_of_key(ctx: Context, bucket: Record, key: str) -> KeyVersions:
    """Return a consistent view of the key's versions.

    A write moves a version from one kind of record to the other, so the current version is read again after the older
    ones, and all are read again if it has changed.
    """
    while True:
        record = await ctx.store.get(SYSTEM, object_kind(bucket.key), key)
        if record is None:
            return KeyVersions()
        older: list[tuple[ObjectVersion, int]] = []
        if was_ever_versioned(bucket):
            records = await ctx.store.list(SYSTEM, version_kind(bucket.key), prefix=f"{key}\0")
            older = [(ObjectVersion.of(one), one.revision) for one in records]
            again = await ctx.store.get(SYSTEM, object_kind(bucket.key), key)
            if again is None or again.revision != record.revision or again.value != record.value:
                continue
        return KeyVersions(ObjectVersion.of(record), record.revision, older)


async def _require_listing(ctx: Context, bucket: Record) -> None:
    """Raise AwsError unless the caller may list the bucket, for an object that is not there.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
    """
    if ctx.caller.is_anonymous:
        check_anonymous_listing(ctx, bucket)
    await ctx.authorize(Need("s3:ListBucket", bucket_arn(bucket), _NO_PREFIX))


async def find_version(
    ctx: Context, bucket: str, key: str, version_id: str | None, expected_owner: str | None = None
) -> tuple[Record, ObjectVersion]:
    """Return the bucket and the version; `version_id` None stands for the current version.

    Raises AwsError NoSuchKey, NoSuchVersion, MethodNotAllowed for a delete marker, and AccessDenied for an anonymous
    caller whom the bucket's policy does not allow to read the object, and for a caller who may not know which keys
    there are.
    """
    record = await find_bucket(ctx, bucket, expected_owner)
    check_anonymous(ctx, record, key, version_id)
    if version_id is None:
        current_record = await ctx.store.get(SYSTEM, object_kind(bucket), key)
        if current_record is None:
            await _require_listing(ctx, record)
            raise no_such_key(key)
        current = ObjectVersion.of(current_record)
        if current.delete_marker:
            await _require_listing(ctx, record)
            headers = {"x-amz-delete-marker": "true", "x-amz-version-id": current.version_id}
            raise no_such_key(key, headers)
        return record, current
    version = (await versions_of_key(ctx, record, key)).find(version_id)
    if version is None:
        raise no_such_object_version(key, version_id)
    if version.delete_marker:
        raise delete_marker_refused(version.last_modified)
    return record, version
