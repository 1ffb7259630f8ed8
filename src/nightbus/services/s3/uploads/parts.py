"""Stores and lists the parts of multipart uploads. Each part is a blob of its own until the upload is completed."""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.aws.replies import ByteStream
from nightbus.services.context import Context
from nightbus.services.s3 import checksums
from nightbus.services.s3.bodies import chunks_of, read_file
from nightbus.services.s3.conditions import ReadConditions
from nightbus.services.s3.copying import find_copy_source
from nightbus.services.s3.encryption import encryption_members, require_key_of
from nightbus.services.s3.errors import conflicting, invalid_argument
from nightbus.services.s3.listing.key_order import LARGEST_PAGE, page_size
from nightbus.services.s3.putting import discard_blob, new_blob_owner
from nightbus.services.s3.records import (
    ObjectVersion,
    find_bucket,
    owner_of,
    part_kind,
    upload_kind,
    version_id_in_reply,
)
from nightbus.services.s3.uploads.uploads import find_upload
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import (
    SYSTEM,
    Blob,
    Change,
    KeepBlob,
    PutRecord,
    Record,
    ReleaseBlob,
    RequireRecord,
)

_MOST_PARTS = 10_000
_ATTEMPTS = 50
_SOURCE_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Part:
    """A stored part. `ETag` is the hexadecimal MD5 of its bytes without quotes; `Modified` is in UTC ms."""

    Number: int
    Digest: str
    Size: int
    ETag: str
    Owner: str
    Modified: int
    Checksums: dict[str, str] = field(default_factory=dict)

    @property
    def last_modified(self) -> datetime:
        return datetime.fromtimestamp(self.Modified // 1000, UTC)


async def upload_part(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    part_number: int,
    upload_id: str,
    body: ByteStream | bytes | str | None = None,
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
    _check_number(part_number)
    upload = await find_upload(ctx, bucket, key, upload_id, expected_bucket_owner)
    await require_key_of(ctx, bucket, key, upload.value.get("Encryption", {}))
    blob = await ctx.store.put_blob(chunks_of(body))
    claimed = {
        "ChecksumCRC32": checksum_crc32,
        "ChecksumCRC32C": checksum_crc32_c,
        "ChecksumCRC64NVME": checksum_crc64_nvme,
        "ChecksumSHA1": checksum_sha1,
        "ChecksumSHA256": checksum_sha256,
    }
    try:
        part_checksums = checksums.from_request(claimed, body)
        checksums.check_announced(checksum_algorithm, part_checksums)
        _check_algorithm(upload.value["ChecksumAlgorithm"], part_checksums)
        part = await _store_part(ctx, bucket, upload, part_number, blob, part_checksums)
    except BaseException:
        await discard_blob(ctx, blob)
        raise
    return {
        "ETag": f'"{part.ETag}"',
        **encryption_members(upload.value.get("Encryption", {})),
        **part_checksums,
    }


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
    _check_number(part_number)
    upload = await find_upload(ctx, bucket, key, upload_id, expected_bucket_owner)
    await require_key_of(ctx, bucket, key, upload.value.get("Encryption", {}))
    conditions = ReadConditions(
        copy_source_if_match,
        copy_source_if_none_match,
        copy_source_if_modified_since,
        copy_source_if_unmodified_since,
    )
    for _ in range(_ATTEMPTS):
        source_bucket, source = await find_copy_source(ctx, copy_source, expected_source_bucket_owner)
        conditions.check_source(source)
        start, length = _source_range(source, copy_source_range)
        with contextlib.suppress(KeyError):  # the source was overwritten: read its record again
            content = read_file(await ctx.store.open_blob(source.digest), start, length)
            break
    else:
        raise conflicting()
    blob = await ctx.store.put_blob(content.chunks)
    try:
        algorithm = upload.value["ChecksumAlgorithm"]
        part_checksums: dict[str, str] = {}
        if algorithm is not None:
            copied = await ctx.store.open_blob(blob.digest)
            part_checksums = await checksums.of_file(copied, "UploadPartCopy", algorithm)
        part = await _store_part(ctx, bucket, upload, part_number, blob, part_checksums)
    except BaseException:
        await discard_blob(ctx, blob)
        raise
    return {
        "CopyPartResult": {"ETag": f'"{part.ETag}"', "LastModified": part.last_modified, **part_checksums},
        "CopySourceVersionId": version_id_in_reply(source_bucket, source.version_id),
        **encryption_members(upload.value.get("Encryption", {})),
    }


async def list_parts(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    upload_id: str,
    max_parts: int = LARGEST_PAGE,
    part_number_marker: int = 0,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    upload = await find_upload(ctx, bucket, key, upload_id, expected_bucket_owner)
    limit = page_size(max_parts, "max-parts")
    following = [part for part in await parts_of(ctx, bucket, upload_id) if part.Number > part_number_marker]
    chosen = following[:limit]
    owner = owner_of((await find_bucket(ctx, bucket)).value["Account"])
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload_id,
        "PartNumberMarker": part_number_marker,
        "NextPartNumberMarker": chosen[-1].Number if chosen else 0,
        "MaxParts": limit,
        "IsTruncated": len(following) > len(chosen) > 0,
        "StorageClass": upload.value["Headers"].get("StorageClass", "STANDARD"),
        "Owner": owner,
        "Initiator": owner,
        "ChecksumAlgorithm": upload.value["ChecksumAlgorithm"],
        "ChecksumType": upload.value["ChecksumType"],
        "Parts": [
            {
                "PartNumber": part.Number,
                "LastModified": part.last_modified,
                "ETag": f'"{part.ETag}"',
                "Size": part.Size,
                **part.Checksums,
            }
            for part in chosen
        ],
    }


async def parts_of(ctx: Context, bucket: str, upload: str) -> list[Part]:
    return [Part(**record.value) for record in await ctx.store.list(SYSTEM, part_kind(bucket, upload))]


@retries_on_conflict
async def _store_part(
    ctx: Context, bucket: str, upload: Record, number: int, blob: Blob, part_checksums: dict[str, str]
) -> Part:
    """Store the part in the upload's record. A part of the same number is replaced.

    Raises AwsError NoSuchUpload if the upload was aborted or completed in between.
    """
    kind, key = part_kind(bucket, upload.value["UploadId"]), f"{number:05d}"
    owner = new_blob_owner(bucket)
    part = Part(number, blob.digest, blob.size, blob.md5, owner, ctx.now_ms(), part_checksums)
    await find_upload(ctx, bucket, upload.value["Key"], upload.value["UploadId"])
    old = await ctx.store.get(SYSTEM, kind, key)
    changes: list[Change] = [
        RequireRecord(SYSTEM, upload_kind(bucket), upload.key, upload.revision),
        KeepBlob(blob.digest, owner),
        PutRecord(SYSTEM, kind, key, asdict(part), expect=old.revision if old else 0),
    ]
    if old is not None:
        changes.append(ReleaseBlob(old.value["Digest"], old.value["Owner"]))
    await ctx.store.commit(*changes)
    return part


def _check_number(number: int) -> None:
    if not 1 <= number <= _MOST_PARTS:
        text = f"Part number must be an integer between 1 and {_MOST_PARTS}, inclusive"
        raise invalid_argument(text, "partNumber", number)


def _check_algorithm(expected: str | None, part_checksums: dict[str, str]) -> None:
    """Raise AwsError if the part's algorithm is not the upload's.

    An upload without an algorithm accepts parts with any, because SDKs add one by themselves.
    """
    actual = next((name for name, member in checksums.MEMBERS.items() if member in part_checksums), None)
    if expected is not None and actual != expected:
        raise checksums.mismatch(expected, actual)


def _source_range(source: ObjectVersion, header: str | None) -> tuple[int, int]:
    """Return start and length. Unlike a Range header this one must have both ends and lie inside the source."""
    if header is None:
        return 0, source.size
    match = _SOURCE_RANGE.fullmatch(header)
    if match is None:
        text = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are"
        )
        raise invalid_argument(
            f"{text} the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            header,
        )
    first, last = whole_number(match[1]) or 0, whole_number(match[2]) or 0
    if first > last or last >= source.size:
        text = f"Range specified is not valid for source object of size: {source.size}"
        raise AwsError(
            "InvalidArgument",
            text,
            fields={"ArgumentName": "x-amz-copy-source-range", "ArgumentValue": header},
        )
    return first, last - first + 1
