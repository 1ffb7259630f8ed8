"""Creates, lists and aborts multipart uploads. `parts.py` stores their parts, `completing.py` completes them."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.ids import new_hex
from nightbus.aws.replies import Reply
from nightbus.services.context import Context
from nightbus.services.s3.checksums import digest_for, type_for
from nightbus.services.s3.encryption import IN_PARTS, encryption_of
from nightbus.services.s3.errors import no_such_upload
from nightbus.services.s3.lifecycle.expiration_header import abort_members
from nightbus.services.s3.listing.key_order import LARGEST_PAGE, CommonPrefix, list_in_order, page_size
from nightbus.services.s3.listing.listing import after_marker, text_encoder
from nightbus.services.s3.locks.retention import lock_of_write
from nightbus.services.s3.properties import (
    check_acl,
    check_key,
    checked_metadata,
    stored_headers,
    tags_of_header,
)
from nightbus.services.s3.records import find_bucket, owner_of, part_kind, upload_kind
from nightbus.services.s3.version_writes import open_bucket, require_open_bucket
from nightbus.store.interface import SYSTEM, Change, DeleteRecord, PutRecord, Record, ReleaseBlob


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
    expires: datetime | str | None = None,
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
    checksum_algorithm: str | None = None,
    checksum_type: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl("CreateMultipartUpload", record, acl)
    encryption = await encryption_of(
        ctx,
        "CreateMultipartUpload",
        record,
        server_side_encryption,
        ssekms_key_id,
        bucket_key_enabled,
        name=key,
        actions=IN_PARTS,
    )
    if checksum_algorithm is not None:
        digest_for("CreateMultipartUpload", checksum_algorithm)
    now = ctx.now_ms()
    upload = f"{now:012x}{new_hex(52)}"  # the time first, so that a key's uploads are listed in their order
    value = {
        "Key": key,
        "UploadId": upload,
        "Initiated": now,
        "Headers": stored_headers(
            cache_control=cache_control,
            content_disposition=content_disposition,
            content_encoding=content_encoding,
            content_language=content_language,
            content_type=content_type,
            expires=expires,
            storage_class=storage_class,
            website_redirect_location=website_redirect_location,
        ),
        "Metadata": checked_metadata(metadata),
        "Tags": tags_of_header(tagging),
        "Lock": lock_of_write(
            record, object_lock_mode, object_lock_retain_until_date, object_lock_legal_hold_status, now
        ),
        "ChecksumAlgorithm": checksum_algorithm,
        "ChecksumType": type_for(checksum_algorithm, checksum_type),
        "Encryption": encryption,
    }
    await _keep(ctx, bucket, value)
    return {
        "Bucket": bucket,
        "Key": key,
        "UploadId": upload,
        **encryption,
        "ChecksumAlgorithm": checksum_algorithm,
        "ChecksumType": value["ChecksumType"],
        **abort_members(record, key, now),
    }


async def _keep(ctx: Context, bucket: str, value: dict[str, Any]) -> None:
    key = upload_key(value["Key"], value["UploadId"])
    record = await open_bucket(ctx, bucket)
    await ctx.store.commit(
        require_open_bucket(record), PutRecord(SYSTEM, upload_kind(bucket), key, value, expect=0)
    )


def upload_key(key: str, upload: str) -> str:
    return f"{key}\0{upload}"


async def find_upload(ctx: Context, bucket: str, key: str, upload: str, owner: str | None = None) -> Record:
    """Return the upload's record. Raises AwsError NoSuchUpload."""
    await find_bucket(ctx, bucket, owner)
    record = await ctx.store.get(SYSTEM, upload_kind(bucket), upload_key(key, upload))
    if record is None:
        raise no_such_upload(upload)
    return record


async def abort_multipart_upload(
    ctx: Context, *, bucket: str, key: str, upload_id: str, expected_bucket_owner: str | None = None
) -> Reply:
    upload = await find_upload(ctx, bucket, key, upload_id, expected_bucket_owner)
    await ctx.store.commit(*await upload_removal(ctx, bucket, upload))
    return Reply(status=204)


async def upload_removal(ctx: Context, bucket: str, upload: Record) -> list[Change]:
    """Return the changes that delete the upload and its parts. A part that arrives in between makes them a Conflict."""
    kind = part_kind(bucket, upload.value["UploadId"])
    changes: list[Change] = [DeleteRecord(SYSTEM, upload_kind(bucket), upload.key, upload.revision)]
    for part in await ctx.store.list(SYSTEM, kind):
        changes.append(DeleteRecord(SYSTEM, kind, part.key, part.revision))
        changes.append(ReleaseBlob(part.value["Digest"], part.value["Owner"]))
    return changes


async def list_multipart_uploads(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    key_marker: str = "",
    max_uploads: int = LARGEST_PAGE,
    prefix: str = "",
    upload_id_marker: str = "",
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    limit = page_size(max_uploads, "max-uploads")
    uploads: list[dict[str, Any]] = []
    prefixes: list[str] = []
    more, last_key, last_upload = False, "", ""
    ordered = list_in_order(
        ctx,
        upload_kind(bucket),
        prefix,
        delimiter,
        _after(key_marker, upload_id_marker, prefix, delimiter),
        key_of=lambda one: str(one.value["Key"]),
    )
    async with aclosing(ordered) as ordered_uploads:
        async for one in ordered_uploads:
            if len(uploads) + len(prefixes) >= limit:
                more = limit > 0
                break
            if isinstance(one, CommonPrefix):
                prefixes.append(one.prefix)
                last_key, last_upload = one.prefix, ""
            else:
                uploads.append(one.value)
                last_key, last_upload = one.value["Key"], one.value["UploadId"]
    encode, owner = text_encoder(encoding_type), owner_of(record.value["Account"])
    return {
        "Bucket": bucket,
        "KeyMarker": encode(key_marker),
        "UploadIdMarker": upload_id_marker,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) or None,
        "EncodingType": encoding_type,
        "MaxUploads": limit,
        "IsTruncated": more,
        "NextKeyMarker": encode(last_key) if more else None,
        "NextUploadIdMarker": last_upload if more else None,
        "Uploads": [
            _upload_entry(one) | {"Key": encode(one["Key"]), "Owner": owner, "Initiator": owner}
            for one in uploads
        ],
        "CommonPrefixes": [{"Prefix": encode(one)} for one in prefixes],
    }


def _after(key_marker: str, upload_marker: str, prefix: str, delimiter: str) -> str:
    """Return the record key after which the listing begins. Without an upload id it skips all uploads of the key."""
    if not key_marker:
        return ""
    rolled = after_marker(key_marker, prefix, delimiter)
    if rolled != key_marker:
        return rolled
    return upload_key(key_marker, upload_marker or "\U0010ffff")


def _upload_entry(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "UploadId": value["UploadId"],
        "Initiated": datetime.fromtimestamp(value["Initiated"] // 1000, UTC),
        "StorageClass": value["Headers"].get("StorageClass", "STANDARD"),
        "ChecksumAlgorithm": value["ChecksumAlgorithm"],
        "ChecksumType": value["ChecksumType"],
    }
