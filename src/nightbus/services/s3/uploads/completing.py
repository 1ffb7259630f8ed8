"""Completes multipart uploads: joins the parts into one blob, chunk by chunk, and makes it the object's new version.

The commit that writes the version removes the upload and its parts. If a part is sent again or the upload is aborted
while the parts are being joined, the commit is a Conflict or the part's blob is gone; then nothing has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nightbus.aws.checksums import Digest
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.s3 import checksums
from nightbus.services.s3.bodies import read_file
from nightbus.services.s3.conditions import check_write
from nightbus.services.s3.encryption import require_key_of
from nightbus.services.s3.errors import invalid_request, malformed_xml, no_such_upload
from nightbus.services.s3.key_versions import versions_of_key
from nightbus.services.s3.putting import discard_blob, new_blob_owner, write_reply
from nightbus.services.s3.records import ObjectVersion, find_bucket
from nightbus.services.s3.uploads.parts import Part, parts_of
from nightbus.services.s3.uploads.uploads import find_upload, upload_removal
from nightbus.services.s3.version_writes import write_version
from nightbus.store.interface import Change

_SMALLEST_PART = 5 * 1024 * 1024


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
    upload = await find_upload(ctx, bucket, key, upload_id, expected_bucket_owner)
    value = upload.value
    await require_key_of(ctx, bucket, key, value.get("Encryption", {}))
    requested_parts = (multipart_upload or {}).get("Parts") or []
    parts = choose_parts(upload_id, requested_parts, await parts_of(ctx, bucket, upload_id))
    algorithm, kind = value["ChecksumAlgorithm"], value["ChecksumType"]
    _check_sums(algorithm, kind, checksum_type, requested_parts)
    size = sum(part.Size for part in parts)
    if mpu_object_size is not None and mpu_object_size != size:
        text = "The provided 'x-amz-mp-object-size' header value does not match what was computed"
        raise invalid_request(f"{text}: {size}")
    record = await find_bucket(ctx, bucket)
    check_write((await versions_of_key(ctx, record, key)).current, key, if_match, if_none_match)
    full = checksums.digest_for("CompleteMultipartUpload", algorithm) if kind == checksums.FULL else None
    try:
        blob = await ctx.store.put_blob(_joined(ctx, parts, full))
    except (KeyError, FileNotFoundError):  # the upload was aborted, or a part was sent again
        raise no_such_upload(upload_id) from None
    claimed = {
        "ChecksumCRC32": checksum_crc32,
        "ChecksumCRC32C": checksum_crc32_c,
        "ChecksumCRC64NVME": checksum_crc64_nvme,
        "ChecksumSHA1": checksum_sha1,
        "ChecksumSHA256": checksum_sha256,
    }

    async def removal() -> Sequence[Change]:
        existing = await find_upload(ctx, bucket, key, upload_id)
        return await upload_removal(ctx, bucket, existing)

    try:
        object_checksums, part_sums = _sums(algorithm, parts, full)
        _check_claimed(claimed, object_checksums)
        version = ObjectVersion(
            key=key,
            version_id="",
            modified=ctx.now_ms(),
            owner=new_blob_owner(bucket),
            digest=blob.digest,
            size=blob.size,
            etag=etag_of(parts),
            md5=blob.md5,
            headers=value["Headers"],
            metadata=value["Metadata"],
            checksums=object_checksums,
            checksum_type=kind or checksums.FULL,
            tags=value["Tags"],
            lock=value.get("Lock", {}),
            parts=[part.Size for part in parts],
            part_checksums=part_sums,
            encryption=value.get("Encryption", {}),
        )
        record, version = await write_version(
            ctx,
            bucket,
            version,
            "ObjectCreated:CompleteMultipartUpload",
            lambda current: check_write(current, key, if_match, if_none_match),
            removal,
        )
    except BaseException:
        await discard_blob(ctx, blob)
        raise
    return {
        **write_reply(record, version),
        **object_checksums,
        "ChecksumType": kind,
        "Location": f"{ctx.call.endpoint}/{bucket}/{quote(key, safe='')}",
        "Bucket": bucket,
        "Key": key,
    }


def choose_parts(
    upload: str, requested_parts: Sequence[Mapping[str, Any]], stored_parts: Sequence[Part]
) -> list[Part]:
    """Return the stored parts that the client lists. Raises AwsError for a wrong order, a wrong ETag, a small part."""
    if not requested_parts:
        raise malformed_xml()
    numbers = [requested.get("PartNumber", 0) for requested in requested_parts]
    if numbers != sorted(set(numbers)):
        text = "The list of parts was not in ascending order. Parts must be ordered by part number."
        raise AwsError("InvalidPartOrder", text, fields={"UploadId": upload})
    by_number = {requested.Number: requested for requested in stored_parts}
    chosen = []
    for requested in requested_parts:
        part = by_number.get(requested.get("PartNumber", 0))
        if part is None or not _matches(requested, part):
            text = "One or more of the specified parts could not be found.  The part may not have been uploaded, or"
            text += " the specified entity tag may not match the part's entity tag."
            fields = {
                "UploadId": upload,
                "PartNumber": requested.get("PartNumber"),
                "ETag": requested.get("ETag", ""),
            }
            raise AwsError("InvalidPart", text, fields=fields)
        chosen.append(part)
    for one in chosen[:-1]:
        if one.Size < _SMALLEST_PART:
            raise _too_small(one)
    return chosen


def etag_of(parts: Sequence[Part]) -> str:
    """Return the MD5 over the parts' MD5s, followed by `-` and the number of parts."""
    digests = b"".join(bytes.fromhex(part.ETag) for part in parts)
    return f"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _matches(requested: Mapping[str, Any], stored: Part) -> bool:
    if str(requested.get("ETag", "")).strip('"') != stored.ETag:
        return False
    return all(requested.get(name) in (None, value) for name, value in stored.Checksums.items())


def _too_small(part: Part) -> AwsError:
    fields = {
        "ProposedSize": part.Size,
        "MinSizeAllowed": _SMALLEST_PART,
        "PartNumber": part.Number,
        "ETag": part.ETag,
    }
    text = "Your proposed upload is smaller than the minimum allowed size"
    return AwsError("EntityTooSmall", text, fields=fields)


def _check_sums(
    algorithm: str | None,
    kind: str | None,
    requested_kind: str | None,
    requested_parts: Sequence[Mapping[str, Any]],
) -> None:
    """Raise AwsError unless a request for a composite checksum repeats the checksum of every part."""
    if requested_kind is not None and requested_kind != kind:
        text = f"The upload was created using the {kind or 'null'} checksum mode. The complete request must use the"
        raise invalid_request(f"{text} same checksum mode.")
    if algorithm is None or kind != checksums.COMPOSITE:
        return
    for part in requested_parts:
        if part.get(checksums.MEMBERS[algorithm]) is None:
            text = f"The upload was created using a {algorithm.lower()} checksum. The complete request must include"
            text += (
                f" the checksum for each part. It was missing for part {part['PartNumber']} in the request."
            )
            raise invalid_request(text)


async def _joined(ctx: Context, parts: Sequence[Part], full: Digest | None) -> AsyncIterator[bytes]:
    for part in parts:
        async for chunk in read_file(await ctx.store.open_blob(part.Digest)).chunks:
            if full is not None:
                full.update(chunk)
            yield chunk


def _sums(
    algorithm: str | None, parts: Sequence[Part], full: Digest | None
) -> tuple[dict[str, str], list[str]]:
    """Return the object's checksum, and the parts' checksums if the object's is composed of them."""
    if algorithm is None:
        return {}, []
    member = checksums.MEMBERS[algorithm]
    if full is not None:
        return {member: checksums.base64_digest(full)}, []
    of_parts = [part.Checksums[member] for part in parts]
    return {member: checksums.composite(algorithm, of_parts)}, of_parts


def _check_claimed(claimed: Mapping[str, str | None], computed: Mapping[str, str]) -> None:
    for name, value in claimed.items():
        if value is not None and computed.get(name, "").partition("-")[0] != value.partition("-")[0]:
            algorithm = name.removeprefix("Checksum").lower()
            text = f"The {algorithm} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", text)
