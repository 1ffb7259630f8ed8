"""Objects: put, got, headed, copied, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.ids import new_uuid
from nightbus.aws.replies import ByteStream, Reply
from nightbus.services.context import Context
from nightbus.services.s3.bodies import chunks_of, given_checksums, read_file, wanted_checksum
from nightbus.services.s3.conditions import check_read, check_write
from nightbus.services.s3.errors import (
    invalid_argument,
    no_such_key,
    no_such_version,
    precondition_failed,
)
from nightbus.services.s3.ranges import byte_range
from nightbus.services.s3.records import (
    NULL_VERSION,
    Version,
    current_version,
    find_bucket,
    older_versions,
)
from nightbus.services.s3.writing import delete, version_id_for, was_ever_versioned, write

_LONGEST_KEY = 1024
_PARTIAL = 206
_HEADERS = {
    "cache_control": "CacheControl",
    "content_disposition": "ContentDisposition",
    "content_encoding": "ContentEncoding",
    "content_language": "ContentLanguage",
    "content_type": "ContentType",
    "expires": "Expires",
    "storage_class": "StorageClass",
    "website_redirect_location": "WebsiteRedirectLocation",
}
_ENCRYPTED = "AES256"


def check_key(key: str) -> None:
    if len(key.encode()) > _LONGEST_KEY:
        raise AwsError(
            "KeyTooLongError", "Your key is too long", fields={"MaxSizeAllowed": str(_LONGEST_KEY)}
        )


def kept_headers(**given: Any) -> dict[str, str]:
    """What is given back with the object: `aws-chunked` was only its transport."""
    found = {_HEADERS[name]: str(value) for name, value in given.items() if value is not None}
    encoding = [one.strip() for one in found.get("ContentEncoding", "").split(",")]
    if "ContentEncoding" in found:
        found["ContentEncoding"] = ",".join(one for one in encoding if one and one != "aws-chunked")
    return {name: value for name, value in found.items() if value}


def tags_of(text: str | None) -> dict[str, str]:
    pairs = parse_qsl(text or "", keep_blank_values=True)
    if len(pairs) != len(dict(pairs)):
        raise invalid_argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query"
                               " parameters without tag name duplicates.", "x-amz-tagging", text)  # fmt: skip
    if len(pairs) > 10:
        raise AwsError("BadRequest", "Object tags cannot be greater than 10")
    return dict(pairs)


def check_encryption(algorithm: str | None) -> None:
    if algorithm not in (None, _ENCRYPTED):
        raise not_supported("s3", "PutObject", f"ServerSideEncryption {algorithm}")


def check_acl(acl: str | None) -> None:
    if acl not in (None, "private", "bucket-owner-full-control"):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")


async def put_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    body: ByteStream | bytes | None = None,
    acl: str | None = None,
    cache_control: str | None = None,
    content_disposition: str | None = None,
    content_encoding: str | None = None,
    content_language: str | None = None,
    content_length: int | None = None,
    content_md5: str | None = None,
    content_type: str | None = None,
    checksum_algorithm: str | None = None,
    checksum_crc32: str | None = None,
    checksum_crc32_c: str | None = None,
    checksum_crc64_nvme: str | None = None,
    checksum_sha1: str | None = None,
    checksum_sha256: str | None = None,
    expires: str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
    metadata: dict[str, str] | None = None,
    server_side_encryption: str | None = None,
    storage_class: str | None = None,
    website_redirect_location: str | None = None,
    tagging: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl(acl)
    check_encryption(server_side_encryption)
    if if_match is not None or if_none_match is not None:
        check_write((await current_version(ctx, bucket, key))[0], key, if_match, if_none_match)
    tags = tags_of(tagging)
    blob = await ctx.store.put_blob(chunks_of(body))
    checksums = given_checksums(
        {
            "ChecksumCRC32": checksum_crc32,
            "ChecksumCRC32C": checksum_crc32_c,
            "ChecksumCRC64NVME": checksum_crc64_nvme,
            "ChecksumSHA1": checksum_sha1,
            "ChecksumSHA256": checksum_sha256,
        },
        body,
    )
    if not checksums:
        checksums = await wanted_checksum(ctx.store.blob_path(blob.digest), checksum_algorithm or "CRC32")
    version = Version(
        key=key,
        version_id=await version_id_for(record),
        modified=ctx.now_ms(),
        owner=f"s3/{bucket}/{new_uuid()}",
        digest=blob.digest,
        size=blob.size,
        etag=blob.md5,
        headers=kept_headers(
            cache_control=cache_control,
            content_disposition=content_disposition,
            content_encoding=content_encoding,
            content_language=content_language,
            content_type=content_type,
            expires=expires,
            storage_class=storage_class,
            website_redirect_location=website_redirect_location,
        ),
        metadata=metadata or {},
        checksums=checksums,
        tags=tags,
    )
    await write(ctx, bucket, version, lambda current: check_write(current, key, if_match, if_none_match))
    return {**written(version), **checksums, "ChecksumType": version.checksum_type, "Size": None}


def written(version: Version) -> dict[str, Any]:
    return {
        "ETag": version.quoted_etag,
        "ServerSideEncryption": _ENCRYPTED,
        "VersionId": None if version.version_id == NULL_VERSION else version.version_id,
    }


async def find_version(ctx: Context, bucket: str, key: str, version_id: str | None) -> Version:
    """Raises AwsError NoSuchKey, NoSuchVersion, or MethodNotAllowed for a delete marker asked for by its id."""
    record = await find_bucket(ctx, bucket)
    current, _ = await current_version(ctx, bucket, key)
    if version_id is None:
        if current is None:
            raise no_such_key(key)
        if current.delete_marker:
            fields = {"Key": key, "x-amz-delete-marker": "true", "x-amz-version-id": current.version_id}
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404, fields=fields)
        return current
    every = [current] if current else []
    if was_ever_versioned(record):
        every += await older_versions(ctx, bucket, key)
    found = next((one for one in every if one.version_id == version_id), None)
    if found is None:
        raise no_such_version(key, version_id)
    if found.delete_marker:
        fields = {
            "Method": "GET",
            "ResourceType": "DeleteMarker",
            "x-amz-delete-marker": "true",
            "Allow": "DELETE",
        }
        text = "The specified method is not allowed against this resource."
        raise AwsError("MethodNotAllowed", text, 405, fields=fields)
    return found


async def get_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    if_match: str | None = None,
    if_modified_since: datetime | None = None,
    if_none_match: str | None = None,
    if_unmodified_since: datetime | None = None,
    range: str | None = None,
    response_cache_control: str | None = None,
    response_content_disposition: str | None = None,
    response_content_encoding: str | None = None,
    response_content_language: str | None = None,
    response_content_type: str | None = None,
    response_expires: datetime | None = None,
    version_id: str | None = None,
    part_number: int | None = None,
    expected_bucket_owner: str | None = None,
    checksum_mode: str | None = None,
) -> Reply:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    version = await find_version(ctx, bucket, key, version_id)
    check_read(version, if_match, if_none_match, if_modified_since, if_unmodified_since)
    start, length = byte_range(version, range, part_number)
    output = described(version, checksum_mode if start == 0 and length == version.size else None)
    overrides = {
        "CacheControl": response_cache_control,
        "ContentDisposition": response_content_disposition,
        "ContentEncoding": response_content_encoding,
        "ContentLanguage": response_content_language,
        "ContentType": response_content_type,
        "Expires": response_expires,
    }
    output |= {name: value for name, value in overrides.items() if value is not None}
    output["ContentLength"] = length
    output["Body"] = read_file(ctx.store.blob_path(version.digest), start, length)
    if range is None and part_number is None:
        return Reply(output)
    output["ContentRange"] = f"bytes {start}-{start + length - 1}/{version.size}"
    return Reply(output, status=_PARTIAL)


def described(version: Version, checksum_mode: str | None) -> dict[str, Any]:
    """The members that GetObject and HeadObject share."""
    output: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": version.last_modified,
        "ContentLength": version.size,
        "ETag": version.quoted_etag,
        "ContentType": "binary/octet-stream",
        "ServerSideEncryption": _ENCRYPTED,
        "Metadata": version.metadata,
        "VersionId": None if version.version_id == NULL_VERSION else version.version_id,
        "PartsCount": len(version.parts) or None,
        "TagCount": len(version.tags) or None,
        **version.headers,
    }
    if output.get("StorageClass") == "STANDARD":
        del output["StorageClass"]
    if checksum_mode == "ENABLED":
        output |= {**version.checksums, "ChecksumType": version.checksum_type if version.checksums else None}
    return output


async def head_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    if_match: str | None = None,
    if_modified_since: datetime | None = None,
    if_none_match: str | None = None,
    if_unmodified_since: datetime | None = None,
    range: str | None = None,
    version_id: str | None = None,
    part_number: int | None = None,
    expected_bucket_owner: str | None = None,
    checksum_mode: str | None = None,
) -> Reply:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    version = await find_version(ctx, bucket, key, version_id)
    check_read(version, if_match, if_none_match, if_modified_since, if_unmodified_since)
    start, length = byte_range(version, range, part_number)
    output = {**described(version, checksum_mode), "ContentLength": length}
    if range is None and part_number is None:
        return Reply(output)
    return Reply(
        output | {"ContentRange": f"bytes {start}-{start + length - 1}/{version.size}"}, status=_PARTIAL
    )


async def delete_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    if_match: str | None = None,
    expected_bucket_owner: str | None = None,
) -> Reply:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    if if_match is not None:
        check_write((await current_version(ctx, bucket, key))[0], key, if_match, None)
    gone = await delete(ctx, record, key, version_id)
    return Reply(_deleted(gone, version_id), status=204)


def _deleted(gone: Version | None, version_id: str | None) -> dict[str, Any]:
    if gone is None:
        return {"VersionId": version_id}
    if version_id is None and not gone.delete_marker:
        return {}
    return {"DeleteMarker": gone.delete_marker or None, "VersionId": gone.version_id}


async def delete_objects(
    ctx: Context,
    *,
    bucket: str,
    delete: dict[str, Any],
    expected_bucket_owner: str | None = None,
    checksum_algorithm: str | None = None,
) -> dict[str, Any]:
    from nightbus.services.s3.writing import delete as delete_version

    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    if not 1 <= len(delete["Objects"]) <= 1000:
        raise AwsError("MalformedXML", "The XML you provided was not well-formed or did not validate")
    deleted, errors = [], []
    for entry in delete["Objects"]:
        key, version_id = entry["Key"], entry.get("VersionId")
        try:
            gone = await delete_version(ctx, record, key, version_id)
        except AwsError as error:
            errors.append({"Key": key, "VersionId": version_id, "Code": error.code, "Message": error.message})
            continue
        told: dict[str, Any] = {"Key": key, "VersionId": version_id}
        if gone is not None and gone.delete_marker:
            told |= {"DeleteMarker": True, "DeleteMarkerVersionId": gone.version_id}
        deleted.append(told)
    return {"Deleted": [] if delete.get("Quiet") else deleted, "Errors": errors}


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
    expires: str | None = None,
    if_match: str | None = None,
    if_none_match: str | None = None,
    metadata: dict[str, str] | None = None,
    metadata_directive: str = "COPY",
    tagging_directive: str = "COPY",
    server_side_encryption: str | None = None,
    storage_class: str | None = None,
    tagging: str | None = None,
    expected_bucket_owner: str | None = None,
    expected_source_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_key(key)
    check_acl(acl)
    check_encryption(server_side_encryption)
    source_bucket, source = await source_of(ctx, copy_source, expected_source_bucket_owner)
    check_source(
        source,
        copy_source_if_match,
        copy_source_if_none_match,
        copy_source_if_modified_since,
        copy_source_if_unmodified_since,
    )
    replace = metadata_directive == "REPLACE"
    if (source_bucket, source.key) == (bucket, key) and not replace and storage_class is None:
        text = "This copy request is illegal because it is trying to copy an object to itself without changing the"
        text += " object's metadata, storage class, website redirect location or encryption attributes."
        raise AwsError("InvalidRequest", text)
    given = kept_headers(
        cache_control=cache_control,
        content_disposition=content_disposition,
        content_encoding=content_encoding,
        content_language=content_language,
        content_type=content_type,
        expires=expires,
        storage_class=storage_class,
    )
    version = Version(
        key=key,
        version_id=await version_id_for(record),
        modified=ctx.now_ms(),
        owner=f"s3/{bucket}/{new_uuid()}",
        digest=source.digest,
        size=source.size,
        etag=source.etag,
        headers=given
        if replace
        else source.headers | {k: v for k, v in given.items() if k == "StorageClass"},
        metadata=(metadata or {}) if replace else source.metadata,
        checksums=source.checksums,
        checksum_type=source.checksum_type,
        tags=tags_of(tagging) if tagging_directive == "REPLACE" else source.tags,
        parts=source.parts,
    )
    await write(ctx, bucket, version, lambda current: check_write(current, key, if_match, if_none_match))
    source_version = None if source.version_id == NULL_VERSION else source.version_id
    result = {"ETag": version.quoted_etag, "LastModified": version.last_modified, **version.checksums}
    return {
        **written(version),
        "ETag": None,
        "CopyObjectResult": result,
        "CopySourceVersionId": source_version,
    }


async def source_of(ctx: Context, copy_source: str, expected_owner: str | None) -> tuple[str, Version]:
    """What `bucket/key?versionId=…` names."""
    path, _, query = copy_source.partition("?")
    bucket, slash, key = unquote(path).lstrip("/").partition("/")
    if not slash or not key:
        raise invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
                               "x-amz-copy-source", copy_source)  # fmt: skip
    await find_bucket(ctx, bucket, expected_owner)
    return bucket, await find_version(ctx, bucket, key, dict(parse_qsl(query)).get("versionId"))


def check_source(
    source: Version,
    if_match: str | None,
    if_none_match: str | None,
    if_modified_since: datetime | None,
    if_unmodified_since: datetime | None,
) -> None:
    try:
        check_read(source, if_match, if_none_match, if_modified_since, if_unmodified_since)
    except AwsError as error:
        raise precondition_failed(
            str(error.fields.get("Condition", "x-amz-copy-source-If-None-Match"))
        ) from error
