"""Tags of objects, and what else one asks of a single object."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.replies import Reply
from nightbus.services.context import Context
from nightbus.services.s3.configuration import acl_of
from nightbus.services.s3.objects import find_version
from nightbus.services.s3.records import (
    NULL_VERSION,
    Version,
    current_version,
    find_bucket,
    object_kind,
    version_kind,
)
from nightbus.store.interface import SYSTEM, PutRecord

_MOST_TAGS = 10


async def get_object_tagging(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    version = await find_version(ctx, bucket, key, version_id)
    tags = [{"Key": name, "Value": value} for name, value in version.tags.items()]
    return {"TagSet": tags, "VersionId": _shown(version)}


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
    tags = {tag["Key"]: tag["Value"] for tag in tagging["TagSet"]}
    if len(tags) > _MOST_TAGS:
        raise AwsError("BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")
    if len(tags) != len(tagging["TagSet"]):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    version = await _retag(ctx, bucket, key, version_id, expected_bucket_owner, tags)
    return {"VersionId": _shown(version)}


async def delete_object_tagging(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> Reply:
    version = await _retag(ctx, bucket, key, version_id, expected_bucket_owner, {})
    return Reply({"VersionId": _shown(version)}, status=204)


async def _retag(
    ctx: Context, bucket: str, key: str, version_id: str | None, owner: str | None, tags: dict[str, str]
) -> Version:
    await find_bucket(ctx, bucket, owner)
    version = replace(await find_version(ctx, bucket, key, version_id), tags=tags)
    current, revision = await current_version(ctx, bucket, key)
    if current is not None and current.version_id == version.version_id:
        change = PutRecord(SYSTEM, object_kind(bucket), key, version.value(), expect=revision)
    else:
        change = PutRecord(SYSTEM, version_kind(bucket), version.older_key(), version.value())
    await ctx.store.commit(change)
    return version


def _shown(version: Version) -> str | None:
    return None if version.version_id == NULL_VERSION else version.version_id


async def get_object_acl(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    await find_version(ctx, bucket, key, version_id)
    return acl_of(ctx.account)


async def get_object_attributes(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    object_attributes: list[str],
    version_id: str | None = None,
    max_parts: int = 1000,
    part_number_marker: int = 0,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    version = await find_version(ctx, bucket, key, version_id)
    every: dict[str, Any] = {
        "ETag": version.etag,
        "Checksum": {**version.checksums, "ChecksumType": version.checksum_type}
        if version.checksums
        else None,
        "ObjectParts": {"TotalPartsCount": len(version.parts)} if version.parts else None,
        "StorageClass": version.headers.get("StorageClass", "STANDARD"),
        "ObjectSize": version.size,
    }
    found = {name: value for name, value in every.items() if name in object_attributes}
    return {**found, "LastModified": version.last_modified, "VersionId": _shown(version)}
