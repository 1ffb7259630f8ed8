"""Multipart uploads: parts are blobs of their own until the upload is completed, and then one object.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex, new_uuid
from nightbus.aws.pagination import page
from nightbus.aws.replies import ByteStream, Reply
from nightbus.services.context import Context
from nightbus.services.s3.bodies import chunks_of, given_checksums, read_file
from nightbus.services.s3.conditions import check_write
from nightbus.services.s3.errors import invalid_argument, malformed_xml, no_such_upload
from nightbus.services.s3.objects import (
    check_acl,
    check_encryption,
    check_key,
    check_source,
    kept_headers,
    source_of,
    tags_of,
    written,
)
from nightbus.services.s3.ranges import byte_range
from nightbus.services.s3.records import (
    Version,
    canonical_id,
    find_bucket,
    part_kind,
    upload_kind,
)
from nightbus.services.s3.writing import version_id_for, write
from nightbus.store.interface import (
    SYSTEM,
    Blob,
    Change,
    DeleteRecord,
    KeepBlob,
    PutRecord,
    Record,
    ReleaseBlob,
)

_SMALLEST_PART = 5 * 1024 * 1024
_MOST_PARTS = 10_000


def _upload_key(key: str, upload: str) -> str:
    return f"{key}\0{upload}"


def _part_key(number: int) -> str:
    return f"{number:05d}"


async def _find(ctx: Context, bucket: str, key: str, upload: str, owner: str | None) -> Record:
    await find_bucket(ctx, bucket, owner)
    record = await ctx.store.get(SYSTEM, upload_kind(bucket), _upload_key(key, upload))
    if record is None:
        raise no_such_upload(upload)
    return record


async def create_multipart_upload(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    acl: str | None = None,
    cache_control: str | None = None,
    content_disposition: str | None = None,
    content_encoding: str | None = None,
    content_language: str | None = None,
    content_type: str | None = None,
    expires: str | None = None,
    metadata: dict[str, str] | None = None,
    server_side_encryption: str | None = None,
    storage_class: str | None = None,
    tagging: str | None = None,
    expected_bucket_owner: str | None = None,
    checksum_algorithm: str | None = None,
    checksum_type: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl(acl)
    check_encryption(server_side_encryption)
    upload = new_hex(64)
    value = {
        "Key": key,
        "UploadId": upload,
        "Initiated": ctx.now_ms(),
        "Headers": kept_headers(
            cache_control=cache_control,
            content_disposition=content_disposition,
            content_encoding=content_encoding,
            content_language=content_language,
            content_type=content_type,
            expires=expires,
            storage_class=storage_class,
        ),
        "Metadata": metadata or {},
        "Tags": tags_of(tagging),
        "ChecksumAlgorithm": checksum_algorithm,
        "ChecksumType": checksum_type,
    }
    await ctx.store.commit(PutRecord(SYSTEM, upload_kind(bucket), _upload_key(key, upload), value, expect=0))
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload,
        "ServerSideEncryption": "AES256",
        "ChecksumAlgorithm": checksum_algorithm,
        "ChecksumType": checksum_type,
    }


async def upload_part(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    part_number: int,
    upload_id: str,
    body: ByteStream | bytes | None = None,
    content_length: int | None = None,
    content_md5: str | None = None,
    checksum_algorithm: str | None = None,
    checksum_crc32: str | None = None,
    checksum_crc32_c: str | None = None,
    checksum_crc64_nvme: str | None = None,
    checksum_sha1: str | None = None,
    checksum_sha256: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await _find(ctx, bucket, key, upload_id, expected_bucket_owner)
    blob = await ctx.store.put_blob(chunks_of(body))
    given = {
        "ChecksumCRC32": checksum_crc32,
        "ChecksumCRC32C": checksum_crc32_c,
        "ChecksumCRC64NVME": checksum_crc64_nvme,
        "ChecksumSHA1": checksum_sha1,
        "ChecksumSHA256": checksum_sha256,
    }
    checksums = given_checksums(given, body)
    await _keep_part(ctx, bucket, upload_id, part_number, blob, checksums)
    return {"ETag": f'"{blob.md5}"', "ServerSideEncryption": "AES256", **checksums}


async def upload_part_copy(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    part_number: int,
    upload_id: str,
    copy_source: str,
    copy_source_range: str | None = None,
    copy_source_if_match: str | None = None,
    copy_source_if_none_match: str | None = None,
    copy_source_if_modified_since: datetime | None = None,
    copy_source_if_unmodified_since: datetime | None = None,
    expected_bucket_owner: str | None = None,
    expected_source_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await _find(ctx, bucket, key, upload_id, expected_bucket_owner)
    _, source = await source_of(ctx, copy_source, expected_source_bucket_owner)
    check_source(
        source,
        copy_source_if_match,
        copy_source_if_none_match,
        copy_source_if_modified_since,
        copy_source_if_unmodified_since,
    )
    start, length = byte_range(source, copy_source_range, None)
    blob = await ctx.store.put_blob(read_file(ctx.store.blob_path(source.digest), start, length).chunks)
    await _keep_part(ctx, bucket, upload_id, part_number, blob, {})
    now = datetime.fromtimestamp(ctx.now_ms() / 1000, UTC)
    return {
        "CopyPartResult": {"ETag": f'"{blob.md5}"', "LastModified": now},
        "ServerSideEncryption": "AES256",
    }


async def _keep_part(
    ctx: Context, bucket: str, upload: str, number: int, blob: Blob, checksums: dict[str, str]
) -> None:
    if not 1 <= number <= _MOST_PARTS:
        text = f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive"
        raise invalid_argument(text, "partNumber", number)
    kind, key = part_kind(bucket, upload), _part_key(number)
    old = await ctx.store.get(SYSTEM, kind, key)
    owner = f"s3/part/{upload}/{new_uuid()}"
    value = {
        "Number": number,
        "Digest": blob.digest,
        "Size": blob.size,
        "ETag": blob.md5,
        "Owner": owner,
        "Modified": ctx.now_ms(),
        "Checksums": checksums,
    }
    changes: list[Change] = [KeepBlob(blob.digest, owner), PutRecord(SYSTEM, kind, key, value)]
    if old is not None:
        changes.append(ReleaseBlob(old.value["Digest"], old.value["Owner"]))
    await ctx.store.commit(*changes)


async def complete_multipart_upload(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    upload_id: str,
    multipart_upload: dict[str, Any] | None = None,
    checksum_crc32: str | None = None,
    checksum_crc32_c: str | None = None,
    checksum_crc64_nvme: str | None = None,
    checksum_sha1: str | None = None,
    checksum_sha256: str | None = None,
    checksum_type: str | None = None,
    mpu_object_size: int | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    upload = await _find(ctx, bucket, key, upload_id, expected_bucket_owner)
    record = await find_bucket(ctx, bucket)
    parts = await _chosen_parts(ctx, bucket, upload_id, (multipart_upload or {}).get("Parts") or [])
    sizes = [part["Size"] for part in parts]
    if mpu_object_size is not None and mpu_object_size != sum(sizes):
        raise AwsError(
            "InvalidRequest", "The provided 'x-amz-mp-object-size' header does not match what was computed"
        )

    async def joined() -> AsyncIterator[bytes]:
        for part in parts:
            async for chunk in read_file(ctx.store.blob_path(part["Digest"])).chunks:
                yield chunk

    blob = await ctx.store.put_blob(joined())
    digests = b"".join(bytes.fromhex(part["ETag"]) for part in parts)
    full = {
        "ChecksumCRC32": checksum_crc32,
        "ChecksumCRC32C": checksum_crc32_c,
        "ChecksumCRC64NVME": checksum_crc64_nvme,
        "ChecksumSHA1": checksum_sha1,
        "ChecksumSHA256": checksum_sha256,
    }
    value = upload.value
    version = Version(
        key=key,
        version_id=await version_id_for(record),
        modified=ctx.now_ms(),
        owner=f"s3/{bucket}/{new_uuid()}",
        digest=blob.digest,
        size=blob.size,
        etag=f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}",
        headers=value["Headers"],
        metadata=value["Metadata"],
        checksums={name: one for name, one in full.items() if one is not None},
        checksum_type=checksum_type or value.get("ChecksumType") or "COMPOSITE",
        tags=value["Tags"],
        parts=sizes,
    )
    removal = await removal_of_upload(ctx, bucket, upload)
    await write(
        ctx, bucket, version, lambda current: check_write(current, key, if_match, if_none_match), *removal
    )
    return {**written(version), **version.checksums, "Location": f"{ctx.call.endpoint}/{bucket}/{key}",
            "Bucket": bucket, "Key": key}  # fmt: skip


async def _chosen_parts(
    ctx: Context, bucket: str, upload: str, named: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The parts that the client names, in its order, checked as S3 checks them."""
    if not named:
        raise malformed_xml()
    numbers = [part.get("PartNumber", 0) for part in named]
    if numbers != sorted(set(numbers)):
        text = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise AwsError("InvalidPartOrder", text, fields={"UploadId": upload})
    records = await ctx.store.list(SYSTEM, part_kind(bucket, upload))
    kept = {record.value["Number"]: record.value for record in records}
    chosen = []
    for part in named:
        found = kept.get(part.get("PartNumber"))
        if found is None or found["ETag"] != str(part.get("ETag", "")).strip('"'):
            text = "One or more of the specified parts could not be found.  The part may not have been uploaded, or"
            text += " the specified entity tag may not match the part's entity tag."
            fields = {"UploadId": upload, "PartNumber": part.get("PartNumber"), "ETag": part.get("ETag", "")}
            raise AwsError("InvalidPart", text, fields=fields)
        chosen.append(found)
    for part in chosen[:-1]:
        if part["Size"] < _SMALLEST_PART:
            text = "Your proposed upload is smaller than the minimum allowed size"
            fields = {
                "ProposedSize": part["Size"],
                "MinSizeAllowed": _SMALLEST_PART,
                "PartNumber": part["Number"],
            }
            raise AwsError("EntityTooSmall", text, fields=fields)
    return chosen


async def abort_multipart_upload(
    ctx: Context, *, bucket: str, key: str, upload_id: str, expected_bucket_owner: str | None = None
) -> Reply:
    upload = await _find(ctx, bucket, key, upload_id, expected_bucket_owner)
    await ctx.store.commit(*await removal_of_upload(ctx, bucket, upload))
    return Reply(status=204)


async def removal_of_upload(ctx: Context, bucket: str, upload: Record) -> list[Change]:
    """What takes the upload and all its parts away."""
    kind = part_kind(bucket, upload.value["UploadId"])
    changes: list[Change] = [DeleteRecord(SYSTEM, upload_kind(bucket), upload.key)]
    for part in await ctx.store.list(SYSTEM, kind):
        changes.append(DeleteRecord(SYSTEM, kind, part.key))
        changes.append(ReleaseBlob(part.value["Digest"], part.value["Owner"]))
    return changes


async def list_parts(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    upload_id: str,
    max_parts: int = 1000,
    part_number_marker: int = 0,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    upload = await _find(ctx, bucket, key, upload_id, expected_bucket_owner)
    records = await ctx.store.list(SYSTEM, part_kind(bucket, upload_id))
    rest = [record.value for record in records if record.value["Number"] > part_number_marker]
    shown = rest[: min(max_parts, 1000)]
    owner = {"ID": canonical_id(ctx.account), "DisplayName": ctx.account}
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload_id,
        "PartNumberMarker": part_number_marker,
        "NextPartNumberMarker": shown[-1]["Number"] if shown else 0,
        "MaxParts": max_parts,
        "IsTruncated": len(rest) > len(shown),
        "StorageClass": upload.value["Headers"].get("StorageClass", "STANDARD"),
        "Owner": owner,
        "Initiator": owner,
        "ChecksumAlgorithm": upload.value.get("ChecksumAlgorithm"),
        "Parts": [
            {
                "PartNumber": part["Number"],
                "LastModified": datetime.fromtimestamp(part["Modified"] // 1000, UTC),
                "ETag": f'"{part["ETag"]}"',
                "Size": part["Size"],
                **part["Checksums"],
            }
            for part in shown
        ],
    }


async def list_multipart_uploads(
    ctx: Context,
    *,
    bucket: str,
    prefix: str = "",
    key_marker: str | None = None,
    max_uploads: int = 1000,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    records = await ctx.store.list(SYSTEM, upload_kind(bucket), prefix=prefix)
    if key_marker:
        records = [record for record in records if record.value["Key"] > key_marker]
    wrong = invalid_argument("Invalid marker", "key-marker", key_marker)
    shown, more = page(records, lambda record: record.key, max_uploads, None, wrong)
    owner = {"ID": canonical_id(ctx.account), "DisplayName": ctx.account}
    return {
        "Bucket": bucket,
        "KeyMarker": key_marker or "",
        "Prefix": prefix or None,
        "MaxUploads": max_uploads,
        "IsTruncated": more is not None,
        "NextKeyMarker": shown[-1].value["Key"] if more else None,
        "NextUploadIdMarker": shown[-1].value["UploadId"] if more else None,
        "Uploads": [
            {
                "Key": record.value["Key"],
                "UploadId": record.value["UploadId"],
                "Initiated": datetime.fromtimestamp(record.value["Initiated"] // 1000, UTC),
                "StorageClass": record.value["Headers"].get("StorageClass", "STANDARD"),
                "Owner": owner,
                "Initiator": owner,
            }
            for record in shown
        ],
    }
