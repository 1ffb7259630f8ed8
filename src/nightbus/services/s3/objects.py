"""Reads objects: GetObject and HeadObject."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from nightbus.aws.replies import ByteStream, Reply
from nightbus.services.context import Context
from nightbus.services.s3.archives.state import check_readable, restore_header
from nightbus.services.s3.bodies import read_file
from nightbus.services.s3.buckets.public_access import browser_headers, check_overrides
from nightbus.services.s3.conditions import ReadConditions
from nightbus.services.s3.encryption import encryption_members, require_key_of
from nightbus.services.s3.key_versions import find_version
from nightbus.services.s3.lifecycle.expiration_header import expiration_of
from nightbus.services.s3.locks.retention import lock_members
from nightbus.services.s3.ranges import byte_range, is_range
from nightbus.services.s3.records import ObjectVersion, version_id_in_reply
from nightbus.store.interface import Record

_PARTIAL = 206
_NOT_MODIFIED = 304
_LAST_ATTEMPT = 5


async def get_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    if_match: str | None = None,
    if_modified_since: datetime | None = None,
    if_none_match: str | None = None,
    if_unmodified_since: datetime | None = None,
    range: str | None = None,
    response_cache_control: str | None = None,
    response_content_disposition: str | None = None,
    response_content_encoding: str | None = None,
    response_content_language: str | None = None,
    response_content_type: str | None = None,
    response_expires: datetime | None = None,
    version_id: str | None = None,
    part_number: int | None = None,
    expected_bucket_owner: str | None = None,
    checksum_mode: str | None = None,
) -> Reply:
    conditions = ReadConditions(if_match, if_none_match, if_modified_since, if_unmodified_since)
    for attempt in (1, 2, 3, 4, _LAST_ATTEMPT):
        record, version = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
        conditions.check(version)
        if conditions.is_unchanged(version):
            return _unchanged(record, version)
        check_readable(version, ctx.now_ms())
        start, length = byte_range(version, range, part_number)
        try:
            body = await _open(ctx, bucket, version, start, length)
        except (KeyError, FileNotFoundError):
            if attempt == _LAST_ATTEMPT:
                raise
            continue  # the object was overwritten after its record was read
        break
    overridden = _overridden_headers(
        CacheControl=response_cache_control,
        ContentDisposition=response_content_disposition,
        ContentEncoding=response_content_encoding,
        ContentLanguage=response_content_language,
        ContentType=response_content_type,
        Expires=response_expires,
    )
    check_overrides(ctx.caller, overridden)
    reply = _reply(record, version, start, length, is_range(range), part_number, checksum_mode)
    expiration = None if version_id is not None else expiration_of(record, version)
    return _guarded(
        {**reply.output, **overridden, "Expiration": expiration, **_state(ctx, version), "Body": body},
        reply.status,
    )


async def head_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    if_match: str | None = None,
    if_modified_since: datetime | None = None,
    if_none_match: str | None = None,
    if_unmodified_since: datetime | None = None,
    range: str | None = None,
    response_cache_control: str | None = None,
    response_content_disposition: str | None = None,
    response_content_encoding: str | None = None,
    response_content_language: str | None = None,
    response_content_type: str | None = None,
    response_expires: datetime | None = None,
    version_id: str | None = None,
    part_number: int | None = None,
    expected_bucket_owner: str | None = None,
    checksum_mode: str | None = None,
) -> Reply:
    record, version = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    conditions = ReadConditions(if_match, if_none_match, if_modified_since, if_unmodified_since)
    conditions.check(version)
    if conditions.is_unchanged(version):
        return _unchanged(record, version)
    start, length = byte_range(version, range, part_number)
    if (
        checksum_mode == "ENABLED" and version.checksums
    ):  # which needs the key, as the member's documentation says
        await require_key_of(ctx, bucket, key, version.encryption)
    overridden = _overridden_headers(
        CacheControl=response_cache_control,
        ContentDisposition=response_content_disposition,
        ContentEncoding=response_content_encoding,
        ContentLanguage=response_content_language,
        ContentType=response_content_type,
        Expires=response_expires,
    )
    check_overrides(ctx.caller, overridden)
    reply = _reply(record, version, start, length, is_range(range), part_number, checksum_mode)
    expiration = None if version_id is not None else expiration_of(record, version)
    return _guarded(
        {**reply.output, **overridden, "Expiration": expiration, **_state(ctx, version)}, reply.status
    )


def _state(ctx: Context, version: ObjectVersion) -> dict[str, Any]:
    """Return the members about the version's lock, and about its copy if it was restored from an archive."""
    return {"Restore": restore_header(version, ctx.now_ms()), **lock_members(version)}


def _guarded(output: dict[str, Any], status: int | None) -> Reply:
    return Reply(output, status=status, headers=browser_headers(str(output["ContentType"])))


def _overridden_headers(**overrides: Any) -> dict[str, Any]:
    """Return the headers that the request sets in place of the object's own."""
    return {name: value for name, value in overrides.items() if value is not None}


async def _open(ctx: Context, bucket: str, version: ObjectVersion, start: int, length: int) -> ByteStream:
    await require_key_of(ctx, bucket, version.key, version.encryption)
    return read_file(await ctx.store.open_blob(version.digest), start, length)


def _unchanged(bucket: Record, version: ObjectVersion) -> Reply:
    """Return the reply 304, which has headers and no body."""
    headers = {"ETag": version.quoted_etag, "Last-Modified": _http_date(version)}
    version_id = version_id_in_reply(bucket, version.version_id)
    if version_id is not None:
        headers["x-amz-version-id"] = version_id
    return Reply(status=_NOT_MODIFIED, headers=headers)


def _http_date(version: ObjectVersion) -> str:
    return version.last_modified.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _reply(
    bucket: Record,
    version: ObjectVersion,
    start: int,
    length: int,
    ranged: bool,
    part_number: int | None,
    checksum_mode: str | None,
) -> Reply:
    output = _described(bucket, version)
    output["ContentLength"] = length
    if checksum_mode == "ENABLED" and length == version.size and version.checksums:
        output |= {**version.checksums, "ChecksumType": version.checksum_type}
    if part_number is not None:
        output["PartsCount"] = len(version.parts) or None
    if (not ranged and part_number is None) or version.size == 0:
        return Reply(output)
    output["ContentRange"] = f"bytes {start}-{start + length - 1}/{version.size}"
    return Reply(output, status=_PARTIAL)


def _described(bucket: Record, version: ObjectVersion) -> dict[str, Any]:
    """Return the members that the replies of GetObject and HeadObject share."""
    output: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": version.last_modified,
        "ETag": version.quoted_etag,
        "ContentType": "binary/octet-stream",
        **encryption_members(version.encryption),
        "Metadata": version.metadata,
        "VersionId": version_id_in_reply(bucket, version.version_id),
        "TagCount": len(version.tags) or None,
        **version.headers,
    }
    if "Expires" in output:
        output["Expires"] = _date(output["Expires"])
    if output.get("StorageClass") == "STANDARD":
        del output["StorageClass"]
    return output


def _date(text: str) -> Any:
    """Parse the stored Expires header. What is not a date is returned as the client sent it."""
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return text
