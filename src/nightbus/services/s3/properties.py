"""Validates what an object has besides its bytes: headers, metadata, tags, key and ACL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.s3.errors import invalid_argument
from nightbus.store.interface import Record

_LONGEST_KEY = 1024
_MOST_METADATA = 2048
_MOST_TAGS = 10
_LONGEST_TAG_KEY = 128
_LONGEST_TAG_VALUE = 256
_STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
)
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


def stored_headers(**values: Any) -> dict[str, str]:
    """Return the headers that are stored with the object, without the encoding `aws-chunked` of the transfer."""
    if values.get("storage_class") not in (None, *_STORAGE_CLASSES):
        text = "The storage class you specified is not valid"
        raise AwsError("InvalidStorageClass", text, fields={"StorageClassRequested": values["storage_class"]})
    headers = {_HEADERS[name]: _text(value) for name, value in values.items() if value is not None}
    if "ContentEncoding" in headers:
        encodings = [one.strip() for one in headers["ContentEncoding"].split(",")]
        headers["ContentEncoding"] = ",".join(one for one in encodings if one and one != "aws-chunked")
    return {name: value for name, value in headers.items() if value}


def _text(value: Any) -> str:
    return format_datetime(value, usegmt=True) if isinstance(value, datetime) else str(value)


def tags_of_header(text: str | None) -> dict[str, str]:
    pairs = parse_qsl(text or "", keep_blank_values=True)
    if len(pairs) != len(dict(pairs)):
        message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters"
        raise invalid_argument(f"{message} without tag name duplicates.", "x-amz-tagging", text)
    return checked_object_tags([{"Key": key, "Value": value} for key, value in pairs])


def checked_object_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return an object's tags by key. Raises AwsError BadRequest or InvalidTag."""
    if len(tags) > _MOST_TAGS:
        raise AwsError("BadRequest", f"Object tags cannot be greater than {_MOST_TAGS}")
    for tag in tags:
        if tag["Key"].lower().startswith("aws:"):
            text = "System tags cannot be added/updated by requester"
            raise AwsError("InvalidTag", text, fields={"TagKey": tag["Key"]})
    return tags_by_key(tags)


def tags_by_key(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return tags by key. Raises AwsError InvalidTag."""
    by_key: dict[str, str] = {}
    for tag in tags:
        key, value = tag["Key"], tag["Value"]
        if key in by_key:
            text = "Cannot provide multiple Tags with the same key"
            raise AwsError("InvalidTag", text, fields={"TagKey": key})
        if not key or len(key) > _LONGEST_TAG_KEY:
            raise AwsError("InvalidTag", "The TagKey you have provided is invalid", fields={"TagKey": key})
        if len(value) > _LONGEST_TAG_VALUE:
            text = "The TagValue you have provided is invalid"
            raise AwsError("InvalidTag", text, fields={"TagKey": key, "TagValue": value})
        by_key[key] = value
    return by_key


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def check_key(key: str) -> None:
    size = len(key.encode())
    if size > _LONGEST_KEY:
        fields = {"Size": str(size), "MaxSizeAllowed": str(_LONGEST_KEY)}
        raise AwsError("KeyTooLongError", "Your key is too long", fields=fields)
    if "\0" in key:
        raise invalid_argument("Object key must not contain a null character.", "Key", key.replace("\0", ""))


def checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return user metadata with its names in lower case, as S3 returns them. Raises AwsError MetadataTooLarge."""
    by_name = {name.lower(): value for name, value in (metadata or {}).items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in by_name.items())
    if size > _MOST_METADATA:
        text = "Your metadata headers exceed the maximum allowed metadata size"
        fields = {"Size": str(size), "MaxSizeAllowed": str(_MOST_METADATA)}
        raise AwsError("MetadataTooLarge", text, fields=fields)
    return by_name


def check_acl(operation: str, bucket: Record, acl: str | None) -> None:
    """Raise AwsError for an ACL: the bucket does not allow ACLs, or it does, and they are not supported yet."""
    if acl in (None, "bucket-owner-full-control"):
        return
    if acls_are_off(bucket):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    raise not_supported("s3", operation, f"ACL {acl}")


def acls_are_off(bucket: Record) -> bool:
    rules = bucket.value.get("OwnershipControls", {}).get("Rules", [])
    return any(rule.get("ObjectOwnership") == "BucketOwnerEnforced" for rule in rules)
