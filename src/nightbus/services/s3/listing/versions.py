"""Answers ListObjectVersions, which lists all versions of a bucket's keys, the newest of each key first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from nightbus.services.context import Context
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.key_versions import versions_of_key
from nightbus.services.s3.listing.key_order import LARGEST_PAGE, CommonPrefix, list_in_order, page_size
from nightbus.services.s3.listing.listing import after_marker, object_entry, refuse_attributes, text_encoder
from nightbus.services.s3.records import ObjectVersion, find_bucket, object_kind, owner_of
from nightbus.store.interface import Record

Listed = CommonPrefix | tuple[ObjectVersion, bool]  # a version, and whether it is the current one


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
    page: list[Listed] = []
    more = False
    ordered = _versions_in_order(ctx, record, prefix, delimiter, key_marker, version_id_marker)
    async with aclosing(ordered) as listed:
        async for one in listed:
            if len(page) >= limit:
                more = limit > 0
                break
            page.append(one)
    encode = text_encoder(encoding_type)
    owner = owner_of(record.value["Account"])
    versions = [
        {
            **object_entry(version, encode),
            "VersionId": version.version_id,
            "IsLatest": current,
            "Owner": owner,
        }
        for version, current in _versions(page)
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
        for version, current in _versions(page)
        if version.delete_marker
    ]
    last = page[-1] if more else None
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
        "CommonPrefixes": [{"Prefix": encode(one.prefix)} for one in page if isinstance(one, CommonPrefix)],
    }


def _versions(page: list[Listed]) -> list[tuple[ObjectVersion, bool]]:
    return [one for one in page if isinstance(one, tuple)]


async def _versions_in_order(
    ctx: Context, bucket: Record, prefix: str, delimiter: str, key_marker: str, version_marker: str | None
) -> AsyncGenerator[Listed, None]:
    if version_marker:
        passed = False
        for one in await _all_of(ctx, bucket, key_marker):
            if passed:
                yield one
            passed = passed or one[0].version_id == version_marker
    after = after_marker(key_marker, prefix, delimiter)
    async with aclosing(list_in_order(ctx, object_kind(bucket.key), prefix, delimiter, after)) as records:
        async for record in records:
            if isinstance(record, CommonPrefix):
                yield record
                continue
            for one in await _all_of(ctx, bucket, record.key):
                yield one


async def _all_of(ctx: Context, bucket: Record, key: str) -> list[tuple[ObjectVersion, bool]]:
    history = await versions_of_key(ctx, bucket, key)
    return [(version, version is history.current) for version in history]
