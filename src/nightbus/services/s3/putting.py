"""Stores objects: PutObject."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.aws.replies import ByteStream
from nightbus.services.context import Context
from nightbus.services.s3 import checksums
from nightbus.services.s3.bodies import chunks_of
from nightbus.services.s3.conditions import check_write
from nightbus.services.s3.encryption import encryption_members, encryption_of
from nightbus.services.s3.key_versions import versions_of_key
from nightbus.services.s3.lifecycle.expiration_header import expiration_of
from nightbus.services.s3.locks.retention import lock_of_write
from nightbus.services.s3.properties import (
    check_acl,
    check_key,
    checked_metadata,
    stored_headers,
    tags_of_header,
)
from nightbus.services.s3.records import ObjectVersion, find_bucket, version_id_in_reply
from nightbus.services.s3.version_writes import Check, write_version
from nightbus.store.interface import Blob, KeepBlob, Record, ReleaseBlob


async def put_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    body: ByteStream | bytes | str | None = None,
    acl: str | None = None,
    cache_control: str | None = None,
    content_disposition: str | None = None,
    content_encoding: str | None = None,
    content_language: str | None = None,
    content_length: int | None = None,
    content_md5: str | None = None,
    content_type: str | None = None,
    checksum_algorithm: str | None = None,
    checksum_crc32: str | None = None,
    checksum_crc32_c: str | None = None,
    checksum_crc64_nvme: str | None = None,
    checksum_sha1: str | None = None,
    checksum_sha256: str | None = None,
    expires: datetime | str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
    metadata: dict[str, str] | None = None,
    server_side_encryption: str | None = None,
    ssekms_key_id: str | None = None,
    bucket_key_enabled: bool | None = None,
    storage_class: str | None = None,
    website_redirect_location: str | None = None,
    tagging: str | None = None,
    object_lock_mode: str | None = None,
    object_lock_retain_until_date: datetime | None = None,
    object_lock_legal_hold_status: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    """Store an object. The gateway verifies its length and checksums while it reads the body."""
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl("PutObject", record, acl)
    encryption = await encryption_of(
        ctx, "PutObject", record, server_side_encryption, ssekms_key_id, bucket_key_enabled, name=key
    )
    headers = stored_headers(
        cache_control=cache_control,
        content_disposition=content_disposition,
        content_encoding=content_encoding,
        content_language=content_language,
        content_type=content_type,
        expires=expires,
        storage_class=storage_class,
        website_redirect_location=website_redirect_location,
    )
    lock = lock_of_write(
        record,
        object_lock_mode,
        object_lock_retain_until_date,
        object_lock_legal_hold_status,
        ctx.now_ms(),
    )
    user_metadata, tags = checked_metadata(metadata), tags_of_header(tagging)
    if if_match is not None or if_none_match is not None:
        check_write((await versions_of_key(ctx, record, key)).current, key, if_match, if_none_match)
    claimed = {
        "ChecksumCRC32": checksum_crc32,
        "ChecksumCRC32C": checksum_crc32_c,
        "ChecksumCRC64NVME": checksum_crc64_nvme,
        "ChecksumSHA1": checksum_sha1,
        "ChecksumSHA256": checksum_sha256,
    }

    def made_of(blob: Blob) -> ObjectVersion:
        object_checksums = checksums.from_request(claimed, body)
        checksums.check_announced(checksum_algorithm, object_checksums)
        return ObjectVersion(
            key=key,
            version_id="",
            modified=ctx.now_ms(),
            owner=new_blob_owner(bucket),
            digest=blob.digest,
            size=blob.size,
            etag=blob.md5,
            md5=blob.md5,
            headers=headers,
            metadata=user_metadata,
            checksums=object_checksums,
            tags=tags,
            lock=lock,
            encryption=encryption,
        )

    return await _stored(
        ctx, bucket, body, made_of, lambda one: check_write(one, key, if_match, if_none_match)
    )


async def _stored(
    ctx: Context,
    bucket: str,
    body: ByteStream | bytes | str | None,
    made_of: Callable[[Blob], ObjectVersion],
    check: Check,
) -> dict[str, Any]:
    """Keep the body, write the version that `made_of` makes of it, and return the reply."""
    blob = await ctx.store.put_blob(chunks_of(body))
    event = "ObjectCreated:Post" if ctx.call.is_form else "ObjectCreated:Put"
    try:
        record, version = await write_version(ctx, bucket, made_of(blob), event, check)
    except BaseException:
        await discard_blob(ctx, blob)
        raise
    checksum_type = version.checksum_type if version.checksums else None
    return {**write_reply(record, version), **version.checksums, "ChecksumType": checksum_type}


def new_blob_owner(bucket: str) -> str:
    """Return the name of the owner under which one version keeps its blob."""
    return f"s3/{bucket}/{new_uuid()}"


async def discard_blob(ctx: Context, blob: Blob) -> None:
    """Delete a blob that has no owner now, not at the next start: a temporary owner keeps it and releases it."""
    owner = new_blob_owner("")
    await ctx.store.commit(KeepBlob(blob.digest, owner))
    await ctx.store.commit(ReleaseBlob(blob.digest, owner))


def write_reply(bucket: Record, version: ObjectVersion) -> dict[str, Any]:
    """Return the members that every operation that makes a version replies with."""
    return {
        "ETag": version.quoted_etag,
        **encryption_members(version.encryption),
        "VersionId": version_id_in_reply(bucket, version.version_id),
        "Expiration": expiration_of(bucket, version),
    }
