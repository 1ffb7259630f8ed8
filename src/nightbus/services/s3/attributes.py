"""GetObjectAttributes: what is known of a version, without its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.services.context import Context
from nightbus.services.s3.history import find_version
from nightbus.services.s3.records import Version, shown_version_id

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
    known = {
        "ETag": version.etag,
        "Checksum": checksum,
        "ObjectParts": _parts(version, part_number_marker, min(max_parts, _MOST_PARTS)),
        "StorageClass": version.headers.get("StorageClass", "STANDARD"),
        "ObjectSize": version.size,
    }
    return {
        "LastModified": version.last_modified,
        "VersionId": shown_version_id(record, version.version_id),
        **{name: known[name] for name in object_attributes},
    }


def _parts(version: Version, marker: int, most: int) -> dict[str, Any] | None:
    """The parts one by one where they have checksums of their own, as S3 does."""
    if not version.parts:
        return None
    found: dict[str, Any] = {"TotalPartsCount": len(version.parts)}
    if not version.part_checksums:
        return found
    (member,) = version.checksums
    numbered = list(enumerate(zip(version.parts, version.part_checksums, strict=True), 1))
    chosen = numbered[marker : marker + most]
    return {
        **found,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": chosen[-1][0] if chosen else marker,
        "MaxParts": most,
        "IsTruncated": marker + most < len(numbered),
        "Parts": [
            {"PartNumber": number, "Size": size, member: checksum} for number, (size, checksum) in chosen
        ],
    }
