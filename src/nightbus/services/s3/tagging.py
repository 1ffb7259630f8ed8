"""Puts, gets and deletes the tags of an object's version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nightbus.aws.replies import Reply
from nightbus.services.context import Context
from nightbus.services.s3.key_versions import find_version, versions_of_key
from nightbus.services.s3.notifications.announcing import commit_announced
from nightbus.services.s3.notifications.object_events import ObjectEvent
from nightbus.services.s3.properties import checked_object_tags, tag_set
from nightbus.services.s3.records import object_kind, version_id_in_reply
from nightbus.services.s3.version_writes import plan_change, require_open_bucket
from nightbus.store.interface import Conflict


async def get_object_tagging(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record, version = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    return {"TagSet": tag_set(version.tags), "VersionId": version_id_in_reply(record, version.version_id)}


async def put_object_tagging(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    tagging: dict[str, Any],
    version_id: str | None = None,
    content_md5: str | None = None,
    checksum_algorithm: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    tags = checked_object_tags(tagging["TagSet"])
    return {"VersionId": await _set(ctx, bucket, key, version_id, tags, expected_bucket_owner)}


async def delete_object_tagging(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> Reply:
    return Reply({"VersionId": await _set(ctx, bucket, key, version_id, {}, expected_bucket_owner)}, 204)


async def _set(
    ctx: Context,
    bucket: str,
    key: str,
    version_id: str | None,
    tags: dict[str, str],
    expected_owner: str | None,
) -> str | None:
    record, version = await find_version(ctx, bucket, key, version_id, expected_owner)
    history = await versions_of_key(ctx, record, key)
    if history.find(version.version_id) != version:
        raise Conflict(object_kind(bucket), key)  # another request changed the version between the two reads
    changed = replace(version, tags=tags)
    event = ObjectEvent("ObjectTagging:Put" if tags else "ObjectTagging:Delete", changed)
    await commit_announced(
        ctx, record, [require_open_bucket(record), *plan_change(bucket, changed, history)], event
    )
    return version_id_in_reply(record, version.version_id)
