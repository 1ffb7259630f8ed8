"""ListObjectVersions: every version of a bucket's keys, newest first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from nightbus.services.context import Context
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.history import history_of
from nightbus.services.s3.listing import after_marker, refuse_attributes, shown, text_encoder
from nightbus.services.s3.records import Version, find_bucket, object_kind, owner_of
from nightbus.services.s3.walking import LARGEST_PAGE, CommonPrefix, page_size, walk
from nightbus.store.interface import Record

Listed = CommonPrefix | tuple[Version, bool]  # a version, and whether it is the current one


async def list_object_versions(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    key_marker: str = "",
    max_keys: int = LARGEST_PAGE,
    prefix: str = "",
    version_id_marker: str | None = None,
    expected_bucket_owner: str | None = None,
    optional_object_attributes: Sequence[str] = (),
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    refuse_attributes("ListObjectVersions", optional_object_attributes)
    if version_id_marker and not key_marker:
        text = "A version-id marker cannot be specified without a key marker."
        raise invalid_argument(text, "version-id-marker", version_id_marker)
    limit = page_size(max_keys, "max-keys")
    found: list[Listed] = []
    more = False
    walking = _walk(ctx, record, prefix, delimiter, key_marker, version_id_marker)
    async with aclosing(walking) as listed:
        async for one in listed:
            if len(found) >= limit:
                more = limit > 0
                break
            found.append(one)
    encode = text_encoder(encoding_type)
    owner = owner_of(record.value["Account"])
    versions = [
        {**shown(version, encode), "VersionId": version.version_id, "IsLatest": current, "Owner": owner}
        for version, current in _versions(found)
        if not version.delete_marker
    ]
    markers = [
        {
            "Key": encode(version.key),
            "VersionId": version.version_id,
            "IsLatest": current,
            "LastModified": version.last_modified,
            "Owner": owner,
        }
        for version, current in _versions(found)
        if version.delete_marker
    ]
    last = found[-1] if more else None
    next_key = last.prefix if isinstance(last, CommonPrefix) else last[0].key if last else None
    return {
        "Name": bucket,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) or None,
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_id_marker or "",
        "MaxKeys": limit,
        "EncodingType": encoding_type,
        "IsTruncated": more,
        "NextKeyMarker": encode(next_key) if next_key is not None else None,
        "NextVersionIdMarker": last[0].version_id if isinstance(last, tuple) else None,
        "Versions": versions,
        "DeleteMarkers": markers,
        "CommonPrefixes": [{"Prefix": encode(one.prefix)} for one in found if isinstance(one, CommonPrefix)],
    }


def _versions(found: list[Listed]) -> list[tuple[Version, bool]]:
    return [one for one in found if isinstance(one, tuple)]


async def _walk(
    ctx: Context, bucket: Record, prefix: str, delimiter: str, key_marker: str, version_marker: str | None
) -> AsyncGenerator[Listed, None]:
    if version_marker:
        passed = False
        for one in await _all_of(ctx, bucket, key_marker):
            if passed:
                yield one
            passed = passed or one[0].version_id == version_marker
    after = after_marker(key_marker, prefix, delimiter)
    async with aclosing(walk(ctx, object_kind(bucket.key), prefix, delimiter, after)) as found:
        async for record in found:
            if isinstance(record, CommonPrefix):
                yield record
                continue
            for one in await _all_of(ctx, bucket, record.key):
                yield one


async def _all_of(ctx: Context, bucket: Record, key: str) -> list[tuple[Version, bool]]:
    history = await history_of(ctx, bucket, key)
    return [(version, version is history.current) for version in history]
