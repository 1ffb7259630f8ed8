"""Answers GetObjectAttributes, which returns the metadata of an object's version without its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.services.context import Context
from nightbus.services.s3.key_versions import find_version
from nightbus.services.s3.records import ObjectVersion, version_id_in_reply

_MOST_PARTS = 1000


async def get_object_attributes(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    object_attributes: Sequence[str],
    version_id: str | None = None,
    max_parts: int = _MOST_PARTS,
    part_number_marker: int = 0,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record, version = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    checksum = {**version.checksums, "ChecksumType": version.checksum_type} if version.checksums else None
    attributes = {
        "ETag": version.etag,
        "Checksum": checksum,
        "ObjectParts": _parts(version, part_number_marker, min(max_parts, _MOST_PARTS)),
        "StorageClass": version.headers.get("StorageClass", "STANDARD"),
        "ObjectSize": version.size,
    }
    return {
        "LastModified": version.last_modified,
        "VersionId": version_id_in_reply(record, version.version_id),
        **{name: attributes[name] for name in object_attributes},
    }


def _parts(version: ObjectVersion, marker: int, most: int) -> dict[str, Any] | None:
    """Return the summary of the parts. It lists the single parts only if each part has a checksum, as S3's does."""
    if not version.parts:
        return None
    summary: dict[str, Any] = {"TotalPartsCount": len(version.parts)}
    if not version.part_checksums:
        return summary
    (member,) = version.checksums
    numbered = list(enumerate(zip(version.parts, version.part_checksums, strict=True), 1))
    chosen = numbered[marker : marker + most]
    return {
        **summary,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": chosen[-1][0] if chosen else marker,
        "MaxParts": most,
        "IsTruncated": marker + most < len(numbered),
        "Parts": [
            {"PartNumber": number, "Size": size, member: checksum} for number, (size, checksum) in chosen
        ],
    }
