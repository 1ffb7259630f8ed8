"""Copies objects: CopyObject makes a new version that shares the blob of its source."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import unquote

from nightbus.policies.request import Need, Values, named_values
from nightbus.services.context import Context
from nightbus.services.s3 import checksums
from nightbus.services.s3.archives.state import check_copyable
from nightbus.services.s3.conditions import ReadConditions, check_write
from nightbus.services.s3.encryption import encryption_of, require_key_of
from nightbus.services.s3.errors import conflicting, invalid_argument, invalid_request
from nightbus.services.s3.key_versions import find_version
from nightbus.services.s3.locks.retention import lock_of_write
from nightbus.services.s3.properties import (
    check_acl,
    check_key,
    checked_metadata,
    stored_headers,
    tags_of_header,
)
from nightbus.services.s3.putting import new_blob_owner, write_reply
from nightbus.services.s3.records import ObjectVersion, arn_of, bucket_arn, find_bucket, version_id_in_reply
from nightbus.services.s3.version_writes import Check, write_version
from nightbus.store.interface import Record

_LARGEST = 5 * 1024**3
_ATTEMPTS = 5
_NOT_CARRIED = ("StorageClass", "WebsiteRedirectLocation")


async def copy_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    copy_source: str,
    acl: str | None = None,
    cache_control: str | None = None,
    checksum_algorithm: str | None = None,
    content_disposition: str | None = None,
    content_encoding: str | None = None,
    content_language: str | None = None,
    content_type: str | None = None,
    copy_source_if_match: str | None = None,
    copy_source_if_none_match: str | None = None,
    copy_source_if_modified_since: datetime | None = None,
    copy_source_if_unmodified_since: datetime | None = None,
    expires: datetime | str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
    metadata: dict[str, str] | None = None,
    metadata_directive: str = "COPY",
    tagging_directive: str = "COPY",
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
    expected_source_bucket_owner: str | None = None,
) -> dict[str, Any]:
    target = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl("CopyObject", target, acl)
    change = _Change(
        headers=stored_headers(
            cache_control=cache_control,
            content_disposition=content_disposition,
            content_encoding=content_encoding,
            content_language=content_language,
            content_type=content_type,
            expires=expires,
        )
        if metadata_directive == "REPLACE"
        else None,
        uncopied_headers=stored_headers(
            storage_class=storage_class, website_redirect_location=website_redirect_location
        ),
        metadata=checked_metadata(metadata),
        tags=tags_of_header(tagging) if tagging_directive == "REPLACE" else None,
        lock=lock_of_write(
            target,
            object_lock_mode,
            object_lock_retain_until_date,
            object_lock_legal_hold_status,
            ctx.now_ms(),
        ),
        algorithm=checksum_algorithm,
        encryption=await encryption_of(
            ctx, "CopyObject", target, server_side_encryption, ssekms_key_id, bucket_key_enabled, name=key
        ),
        encryption_is_new=server_side_encryption is not None or bucket_key_enabled is not None,
    )
    conditions = ReadConditions(
        copy_source_if_match,
        copy_source_if_none_match,
        copy_source_if_modified_since,
        copy_source_if_unmodified_since,
    )

    async def read() -> tuple[Record, ObjectVersion]:
        source_bucket, source = await find_copy_source(ctx, copy_source, expected_source_bucket_owner)
        conditions.check_source(source)
        if (source_bucket.key, source.key) == (bucket, key) and "versionId=" not in copy_source:
            change.check_onto_itself()
        if change.tags is None and source.tags:
            await ctx.authorize(*_tag_needs(parse_copy_source(copy_source), target, key, source.tags))
        return source_bucket, source

    return await _copied(
        ctx, bucket, key, read, change, lambda one: check_write(one, key, if_match, if_none_match)
    )


async def _copied(
    ctx: Context,
    bucket: str,
    key: str,
    read: Callable[[], Awaitable[tuple[Record, ObjectVersion]]],
    change: _Change,
    check: Check,
) -> dict[str, Any]:
    """Write the version that `change` makes of the source that `read` finds, with its bucket, and return the reply."""
    for _ in range(_ATTEMPTS):
        source_bucket, source = await read()
        version = await change.of(ctx, source, bucket, key)
        with contextlib.suppress(KeyError):  # the source was overwritten in between, and its blob is gone
            record, version = await write_version(ctx, bucket, version, "ObjectCreated:Copy", check)
            return _copy_reply(record, version, version_id_in_reply(source_bucket, source.version_id))
    raise conflicting()


def _tag_needs(source: CopySource | None, bucket: Record, key: str, tags: dict[str, str]) -> list[Need]:
    """Return what a copy needs that takes the tags of its source.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html (Permissions)
    """
    written = named_values("s3:requestobjecttag/", tags.items())
    needed = [Need("s3:PutObjectTagging", f"{bucket_arn(bucket)}/{key}", written)]
    if source is not None:
        versioned: dict[str, Values] = {"s3:versionid": source.version_id or ""}
        action = "s3:GetObjectVersionTagging" if source.version_id else "s3:GetObjectTagging"
        needed.append(
            Need(action, f"{arn_of(source.bucket, bucket.value['Region'])}/{source.key}", versioned)
        )
    return needed


@dataclass(frozen=True, slots=True)
class _Change:
    """The changes that a copy makes to its source. With `headers` or `tags` None the copy has those of the source."""

    headers: dict[str, str] | None
    uncopied_headers: dict[str, str]  # never copied from the source
    metadata: dict[str, str]
    tags: dict[str, str] | None
    lock: dict[str, Any]
    algorithm: str | None
    encryption: dict[str, Any]
    encryption_is_new: bool  # whether the request names it

    def check_onto_itself(self) -> None:
        if self.headers is None and not self.uncopied_headers and not self.encryption_is_new:
            text = "This copy request is illegal because it is trying to copy an object to itself without changing"
            text += (
                " the object's metadata, storage class, website redirect location or encryption attributes."
            )
            raise invalid_request(text)

    async def of(self, ctx: Context, source: ObjectVersion, bucket: str, key: str) -> ObjectVersion:
        if source.size > _LARGEST:
            text = "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120"
            raise invalid_request(text)
        carried = {name: value for name, value in source.headers.items() if name not in _NOT_CARRIED}
        return ObjectVersion(
            key=key,
            version_id="",
            modified=ctx.now_ms(),
            owner=new_blob_owner(bucket),
            digest=source.digest,
            size=source.size,
            etag=source.md5,
            md5=source.md5,
            headers={**(carried if self.headers is None else self.headers), **self.uncopied_headers},
            metadata=source.metadata if self.headers is None else self.metadata,
            checksums=await self._checksums(ctx, source),
            tags=source.tags if self.tags is None else self.tags,
            lock=self.lock,
            encryption=self.encryption,
        )

    async def _checksums(self, ctx: Context, source: ObjectVersion) -> dict[str, str]:
        """Return the source's checksums, unless they are composed of parts or the request names another algorithm."""
        source_algorithm = next(
            (name for name, member in checksums.MEMBERS.items() if member in source.checksums), None
        )
        algorithm = self.algorithm or source_algorithm
        if algorithm is None or (algorithm == source_algorithm and source.checksum_type == checksums.FULL):
            return source.checksums
        with contextlib.suppress(KeyError):
            content = await ctx.store.open_blob(source.digest)
            return await checksums.of_file(content, "CopyObject", algorithm)
        return {}


def _copy_reply(bucket: Record, version: ObjectVersion, source_version: str | None) -> dict[str, Any]:
    checksum_type = version.checksum_type if version.checksums else None
    result = {
        "ETag": version.quoted_etag,
        "LastModified": version.last_modified,
        **version.checksums,
        "ChecksumType": checksum_type,
    }
    output = write_reply(bucket, version)
    del output["ETag"]
    return {**output, "CopyObjectResult": result, "CopySourceVersionId": source_version}


class CopySource(NamedTuple):
    bucket: str
    key: str
    version_id: str | None


def parse_copy_source(text: str) -> CopySource | None:
    """Parse `bucket/key?versionId=…`, percent-encoded as in the header; None for what is not a source."""
    path, mark, query = text.rpartition("?versionId=")
    bucket, slash, key = unquote(path if mark else text).lstrip("/").partition("/")
    if not slash or not key:
        return None
    return CopySource(bucket, key, unquote(query) if mark else None)


async def find_copy_source(
    ctx: Context, copy_source: str, expected_owner: str | None
) -> tuple[Record, ObjectVersion]:
    """Return the version that `copy_source` names. Raises AwsError."""
    source = parse_copy_source(copy_source)
    if source is None:
        text = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey"
        raise invalid_argument(text, "x-amz-copy-source", copy_source)
    record, version = await find_version(ctx, *source, expected_owner)
    check_copyable(version, ctx.now_ms())
    await require_key_of(ctx, source.bucket, source.key, version.encryption)
    return record, version
