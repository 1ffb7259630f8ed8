"""Listings: keys in the order of their UTF-8 bytes, with everything behind a delimiter folded into one prefix.

A listing skips over a folded prefix instead of reading through it, so that its cost is what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from nightbus.aws.pagination import decode_token, encode_token
from nightbus.services.context import Context
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.records import (
    Version,
    find_bucket,
    object_kind,
    owner_of,
    version_kind,
)
from nightbus.store.interface import SYSTEM

_MOST = 1000
_BATCH = 1000
_LAST = "\U0010ffff"


@dataclass(slots=True)
class Listing:
    """`next` is the key or prefix to go on after, None at the end."""

    versions: list[Version] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    next: str | None = None

    def __len__(self) -> int:
        return len(self.versions) + len(self.prefixes)


async def list_current(
    ctx: Context, bucket: str, prefix: str, delimiter: str, after: str, limit: int
) -> Listing:
    """Current objects after the key (or folded prefix) `after`."""
    found = Listing()
    if limit == 0:
        return found
    if delimiter and after.endswith(delimiter) and after.startswith(prefix):
        after += _LAST
    last = ""
    while True:
        batch = await ctx.store.list(SYSTEM, object_kind(bucket), prefix=prefix, after=after, limit=_BATCH)
        for record in batch:
            if record.key <= after:
                continue  # inside a prefix that was folded
            if record.value["delete_marker"]:
                after = record.key
                continue
            if len(found) == limit:
                found.next = last
                return found
            folded = _folded(record.key, prefix, delimiter)
            if folded is None:
                found.versions.append(Version.of(record))
                after = last = record.key
            else:
                found.prefixes.append(folded)
                last = folded
                after = folded + _LAST
        if len(batch) < _BATCH:
            return found
        after = max(after, batch[-1].key)


def _folded(key: str, prefix: str, delimiter: str) -> str | None:
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


def _encoder(encoding_type: str | None) -> Any:
    if encoding_type not in (None, "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding_type)
    return (
        (lambda text: quote(text, safe="/*-._~") if text else text) if encoding_type else (lambda text: text)
    )


def _content(version: Version, encode: Any, owner: dict[str, str] | None) -> dict[str, Any]:
    return {
        "Key": encode(version.key),
        "LastModified": version.last_modified,
        "ETag": version.quoted_etag,
        "Size": version.size,
        "StorageClass": version.headers.get("StorageClass", "STANDARD"),
        "ChecksumAlgorithm": [name.removeprefix("Checksum") for name in version.checksums] or None,
        "ChecksumType": version.checksum_type if version.checksums else None,
        "Owner": owner,
    }


async def list_objects_v2(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    max_keys: int = _MOST,
    prefix: str = "",
    continuation_token: str | None = None,
    fetch_owner: bool = False,
    start_after: str = "",
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    encode = _encoder(encoding_type)
    limit = _limit(max_keys)
    after = start_after
    if continuation_token is not None:
        wrong = invalid_argument("The continuation token provided is incorrect", "continuation-token", "")
        after = decode_token(continuation_token, wrong)
    found = await list_current(ctx, bucket, prefix, delimiter, after, limit)
    owner = owner_of(record.value["Account"]) if fetch_owner else None
    return {
        "Name": bucket,
        "Prefix": encode(prefix),
        "Delimiter": encode(delimiter) or None,
        "MaxKeys": limit,
        "EncodingType": encoding_type,
        "KeyCount": len(found),
        "ContinuationToken": continuation_token,
        "StartAfter": encode(start_after) or None,
        "IsTruncated": found.next is not None,
        "NextContinuationToken": None if found.next is None else encode_token(found.next),
        "Contents": [_content(version, encode, owner) for version in found.versions],
        "CommonPrefixes": [{"Prefix": encode(one)} for one in found.prefixes],
    }


async def list_objects(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    marker: str = "",
    max_keys: int = _MOST,
    prefix: str = "",
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    encode = _encoder(encoding_type)
    limit = _limit(max_keys)
    found = await list_current(ctx, bucket, prefix, delimiter, marker, limit)
    owner = owner_of(record.value["Account"])
    return {
        "Name": bucket,
        "Prefix": encode(prefix),
        "Marker": encode(marker),
        "NextMarker": encode(found.next) if found.next is not None and delimiter else None,
        "Delimiter": encode(delimiter) or None,
        "MaxKeys": limit,
        "EncodingType": encoding_type,
        "IsTruncated": found.next is not None,
        "Contents": [_content(version, encode, owner) for version in found.versions],
        "CommonPrefixes": [{"Prefix": encode(one)} for one in found.prefixes],
    }


def _limit(max_keys: int) -> int:
    if max_keys < 0:
        raise invalid_argument(
            "Argument maxKeys must be an integer between 0 and 2147483647", "maxKeys", max_keys
        )
    return min(max_keys, _MOST)


async def list_object_versions(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    key_marker: str = "",
    max_keys: int = _MOST,
    prefix: str = "",
    version_id_marker: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    encode = _encoder(encoding_type)
    limit = _limit(max_keys)
    rows = await _all_versions(ctx, bucket, prefix)
    rows = _after(rows, key_marker, version_id_marker)
    owner = owner_of(record.value["Account"])
    versions, markers, prefixes = [], [], []
    shown, last = 0, None
    truncated = False
    for version, latest in rows:
        folded = _folded(version.key, prefix, delimiter)
        if folded is not None and (folded in prefixes or (key_marker and folded <= key_marker)):
            continue
        if shown == limit:
            truncated = True
            break
        shown, last = shown + 1, version
        if folded is not None:
            prefixes.append(folded)
            continue
        told = {
            "Key": encode(version.key),
            "VersionId": version.version_id,
            "IsLatest": latest,
            "LastModified": version.last_modified,
            "Owner": owner,
        }
        if version.delete_marker:
            markers.append(told)
        else:
            versions.append({**_content(version, encode, owner), **told})
    return {
        "Name": bucket,
        "Prefix": encode(prefix),
        "KeyMarker": encode(key_marker),
        "VersionIdMarker": version_id_marker or "",
        "MaxKeys": limit,
        "Delimiter": encode(delimiter) or None,
        "EncodingType": encoding_type,
        "IsTruncated": truncated,
        "NextKeyMarker": encode(last.key) if truncated and last else None,
        "NextVersionIdMarker": last.version_id if truncated and last else None,
        "Versions": versions,
        "DeleteMarkers": markers,
        "CommonPrefixes": [{"Prefix": encode(one)} for one in prefixes],
    }


async def _all_versions(ctx: Context, bucket: str, prefix: str) -> list[tuple[Version, bool]]:
    """By key, of each key the newest first."""
    current = [
        Version.of(record) for record in await ctx.store.list(SYSTEM, object_kind(bucket), prefix=prefix)
    ]
    older = [
        Version.of(record) for record in await ctx.store.list(SYSTEM, version_kind(bucket), prefix=prefix)
    ]
    rows = [(version, True) for version in current] + [(version, False) for version in older]
    return sorted(rows, key=lambda row: (row[0].key.encode(), not row[1], row[0].older_key()))


def _after(
    rows: list[tuple[Version, bool]], key_marker: str, version_marker: str | None
) -> list[tuple[Version, bool]]:
    if not key_marker:
        return rows
    if version_marker:
        for at, (version, _) in enumerate(rows):
            if version.key == key_marker and version.version_id == version_marker:
                return rows[at + 1 :]
    return [row for row in rows if row[0].key.encode() > key_marker.encode()]
