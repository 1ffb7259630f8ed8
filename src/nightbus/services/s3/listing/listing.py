"""Answers ListObjects and ListObjectsV2, which list the current versions of a bucket's keys in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from nightbus.aws.errors import not_supported
from nightbus.aws.pagination import decode_token, encode_token
from nightbus.services.context import Context
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.listing.key_order import (
    LARGEST_PAGE,
    CommonPrefix,
    list_in_order,
    page_size,
    roll_up,
)
from nightbus.services.s3.records import ObjectVersion, find_bucket, object_kind, owner_of
from nightbus.store.interface import Record


@dataclass(slots=True)
class _Page:
    versions: list[ObjectVersion] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""  # the last key or common prefix of the page
    resume: str = ""  # after which the next page begins
    more: bool = False


async def list_objects_v2(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    max_keys: int = LARGEST_PAGE,
    prefix: str = "",
    continuation_token: str | None = None,
    fetch_owner: bool = False,
    start_after: str = "",
    expected_bucket_owner: str | None = None,
    optional_object_attributes: Sequence[str] = (),
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    refuse_attributes("ListObjectsV2", optional_object_attributes)
    limit = page_size(max_keys, "max-keys")
    after = start_after
    if continuation_token is not None:
        wrong = invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", continuation_token
        )
        after = decode_token(continuation_token, wrong)
    page = await _page(ctx, bucket, prefix, delimiter, after, limit)
    text = text_encoder(encoding_type)
    owner = owner_of(record.value["Account"]) if fetch_owner else None
    return {
        "Name": bucket,
        "Prefix": text(prefix),
        "Delimiter": text(delimiter) or None,
        "MaxKeys": limit,
        "KeyCount": len(page.versions) + len(page.prefixes),
        "EncodingType": encoding_type,
        "StartAfter": text(start_after) or None,
        "ContinuationToken": continuation_token,
        "IsTruncated": page.more,
        "NextContinuationToken": encode_token(page.resume) if page.more else None,
        "Contents": [{**object_entry(version, text), "Owner": owner} for version in page.versions],
        "CommonPrefixes": [{"Prefix": text(one)} for one in page.prefixes],
    }


async def list_objects(
    ctx: Context,
    *,
    bucket: str,
    delimiter: str = "",
    encoding_type: str | None = None,
    marker: str = "",
    max_keys: int = LARGEST_PAGE,
    prefix: str = "",
    expected_bucket_owner: str | None = None,
    optional_object_attributes: Sequence[str] = (),
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    refuse_attributes("ListObjects", optional_object_attributes)
    limit = page_size(max_keys, "max-keys")
    page = await _page(ctx, bucket, prefix, delimiter, after_marker(marker, prefix, delimiter), limit)
    text = text_encoder(encoding_type)
    owner = owner_of(record.value["Account"])
    return {
        "Name": bucket,
        "Prefix": text(prefix),
        "Delimiter": text(delimiter) or None,
        "MaxKeys": limit,
        "EncodingType": encoding_type,
        "Marker": text(marker),
        "IsTruncated": page.more,
        "NextMarker": text(page.last) if page.more and delimiter else None,
        "Contents": [{**object_entry(version, text), "Owner": owner} for version in page.versions],
        "CommonPrefixes": [{"Prefix": text(one)} for one in page.prefixes],
    }


async def _page(ctx: Context, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> _Page:
    page = _Page()
    if limit == 0:
        return page
    ordered = list_in_order(ctx, object_kind(bucket), prefix, delimiter, after, _is_object)
    async with aclosing(ordered) as keys:
        async for one in keys:
            if len(page.versions) + len(page.prefixes) == limit:
                page.more = True
                break
            if isinstance(one, CommonPrefix):
                page.prefixes.append(one.prefix)
                page.last, page.resume = one.prefix, one.end
            else:
                page.versions.append(ObjectVersion.of(one))
                page.last = page.resume = one.key
    return page


def _is_object(record: Record) -> bool:
    return not record.value["delete_marker"]


def after_marker(marker: str, prefix: str, delimiter: str) -> str:
    """Return the key after which a page begins. A marker that is a common prefix skips all keys under it."""
    return CommonPrefix(marker).end if marker and roll_up(marker, prefix, delimiter) == marker else marker


def refuse_attributes(operation: str, attributes: Sequence[str]) -> None:
    """Raise AwsError for an optional attribute. The only one is `RestoreStatus`, and no object is ever archived."""
    for name in attributes:
        if name != "RestoreStatus":
            raise not_supported("s3", operation, f"OptionalObjectAttributes {name}")


def object_entry(version: ObjectVersion, text: Callable[[str], str]) -> dict[str, Any]:
    algorithms = [name.removeprefix("Checksum") for name in version.checksums]
    return {
        "Key": text(version.key),
        "LastModified": version.last_modified,
        "ETag": version.quoted_etag,
        "ChecksumAlgorithm": algorithms,
        "ChecksumType": version.checksum_type if algorithms else None,
        "Size": version.size,
        "StorageClass": version.headers.get("StorageClass", "STANDARD"),
    }


def text_encoder(encoding_type: str | None) -> Callable[[str], str]:
    """Return the function that encodes keys in the reply. Keys may contain characters that XML does not allow, so
    clients may request them percent-encoded (`url`)."""
    return (lambda text: quote(text, safe="/")) if encoding_type == "url" else (lambda text: text)
