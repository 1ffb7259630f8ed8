"""Puts, gets and deletes those settings of a bucket that are one document each.

`version_writes.py` applies the versioning setting. The other settings are stored and returned; the module of each
feature enforces its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.replies import Reply
from nightbus.aws.support import BUCKET_ENCRYPTIONS
from nightbus.services.context import Context, Handler
from nightbus.services.s3.errors import malformed_xml
from nightbus.services.s3.key_versions import find_version
from nightbus.services.s3.properties import acls_are_off, check_acl, tags_by_key
from nightbus.services.s3.records import BUCKET, canonical_id, find_bucket
from nightbus.store.changing import change
from nightbus.store.interface import SYSTEM

Check = Callable[[Any], None]
_LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_LOG_DELIVERY_GRANT = f'uri="{_LOG_DELIVERY}"'
_MOST_TAGS = 50
_MOST_CORS_RULES = 100
_CORS_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})


def _handler(operation: Callable[..., Any], *names: str) -> Handler:
    """Return `operation(ctx, parameters)` as a handler that honours `names` beside the bucket and its owner."""

    async def handler(ctx: Context, **parameters: Any) -> Any:
        return await operation(ctx, parameters)

    every = ("ctx", "bucket", "expected_bucket_owner", *names)
    signature = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in every])
    handler.__signature__ = signature  # type: ignore[attr-defined]
    return handler


async def save(ctx: Context, bucket: str, owner: str | None, changes: Mapping[str, Any]) -> None:
    """Set members of the bucket's record. A value of None removes the member."""

    def edit(value: dict[str, Any]) -> dict[str, Any]:
        return {name: one for name, one in {**value, **changes}.items() if one is not None}

    await change(ctx.store, SYSTEM, BUCKET, lambda: find_bucket(ctx, bucket, owner), edit)


def putter(parameter: str, member: str, check: Check | None = None, status: int | None = None) -> Handler:
    """Return the handler that stores the operation's `parameter` as the bucket's `member`."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Reply:
        value = parameters[parameter]
        if check is not None:
            check(value)
        await save(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"), {member: value})
        return Reply(status=status)

    return _handler(run, parameter, "content_md5", "checksum_algorithm")


def getter(member: str, error: AwsError | None, wrap: str | None = None, default: Any = None) -> Handler:
    """Return the handler that answers with the stored document, as the output's member `wrap` or as the output itself.

    Without a document it answers with `default`, or raises `error`.
    """

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Any:
        record = await find_bucket(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"))
        value = record.value.get(member, default)
        if value is None:
            if error is None:
                return {}
            fields = {"BucketName": parameters["bucket"]}
            raise AwsError(error.code, error.message, error.status, fields=fields)
        return {wrap: value} if wrap else value

    return _handler(run)


def deleter(member: str) -> Handler:
    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Reply:
        await save(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"), {member: None})
        return Reply(status=204)

    return _handler(run)


def fixed(output: Mapping[str, Any]) -> Handler:
    """Return the handler that gives `output` for every bucket, because no other value can be set."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> Any:
        await find_bucket(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"))
        return dict(output)

    return _handler(run)


def unchanged(operation: str, parameter: str, default: Mapping[str, Any]) -> Handler:
    """Return the handler that accepts the value of `parameter` that every bucket has, and refuses others by name."""

    async def run(ctx: Context, parameters: Mapping[str, Any]) -> None:
        await find_bucket(ctx, parameters["bucket"], parameters.get("expected_bucket_owner"))
        for name, value in parameters[parameter].items():
            if value is not None and default.get(name) != value:
                raise not_supported("s3", operation, name)

    return _handler(run, parameter)


def not_configured(code: str, message: str) -> AwsError:
    return AwsError(code, message, 404)


async def put_bucket_versioning(
    ctx: Context,
    *,
    bucket: str,
    versioning_configuration: dict[str, Any],
    expected_bucket_owner: str | None = None,
) -> None:
    if versioning_configuration.get("Status") not in ("Enabled", "Suspended"):
        raise malformed_xml()
    if versioning_configuration.get("MFADelete") == "Enabled":
        raise not_supported("s3", "PutBucketVersioning", "MFADelete")
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    if versioning_configuration["Status"] == "Suspended" and record.value.get("ObjectLock"):
        text = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise AwsError("InvalidBucketState", text, 409)
    await save(
        ctx, bucket, expected_bucket_owner, {"VersioningConfiguration": dict(versioning_configuration)}
    )


def check_encryption(value: Mapping[str, Any]) -> None:
    """Raise AwsError unless the document is a default encryption with AES256 or aws:kms.

    The setting is stored and returned, and encrypts nothing: to encrypt objects at rest, encrypt the node's disk.
    """
    for rule in value.get("Rules", []):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        if default.get("SSEAlgorithm", "AES256") not in BUCKET_ENCRYPTIONS:
            raise not_supported("s3", "PutBucketEncryption", default["SSEAlgorithm"])


def check_cors(value: Mapping[str, Any]) -> None:
    """Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html"""
    rules = value.get("CORSRules", [])
    if not 1 <= len(rules) <= _MOST_CORS_RULES:
        raise malformed_xml()
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in _CORS_METHODS:
                text = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                raise AwsError("InvalidRequest", text)
        for name, element in (("AllowedOrigins", "AllowedOrigin"), ("AllowedHeaders", "AllowedHeader")):
            for pattern in rule.get(name, []):
                if pattern.count("*") > 1:
                    text = f'{element} "{pattern}" can not have more than one wildcard.'
                    raise AwsError("InvalidRequest", text)


def check_bucket_tags(value: Mapping[str, Any]) -> None:
    """Check a bucket's tags. Unlike an object's they may begin with `aws:`, since a stack tags its own buckets so."""
    if len(tags_by_key(value.get("TagSet", []))) > _MOST_TAGS:
        raise AwsError("BadRequest", f"Bucket tag count cannot be greater than {_MOST_TAGS}")


def check_ownership(value: Mapping[str, Any]) -> None:
    if len(value.get("Rules", [])) != 1:
        raise malformed_xml()


async def put_bucket_acl(
    ctx: Context,
    *,
    bucket: str,
    acl: str | None = None,
    grant_write: str | None = None,
    grant_read_acp: str | None = None,
    expected_bucket_owner: str | None = None,
) -> None:
    """Accept an ACL that grants the owner full control, and the grants of `log-delivery-write`.

    These are to the group LogDelivery; server access logs are written with or without these grants.
    """
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    check_acl("PutBucketAcl", record, acl)
    given = {one for one in (grant_write, grant_read_acp) if one is not None}
    if given and acls_are_off(record):
        raise AwsError("AccessControlListNotSupported", "The bucket does not allow ACLs")
    if given and given != {_LOG_DELIVERY_GRANT}:
        raise not_supported("s3", "PutBucketAcl", "grants to others than the group LogDelivery")
    await save(ctx, bucket, expected_bucket_owner, {"LogDelivery": True if given else None})


async def put_object_acl(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    acl: str | None = None,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> None:
    record, _ = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    check_acl("PutObjectAcl", record, acl)


async def get_acl(ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None) -> dict[str, Any]:
    """Return the bucket's ACL: the owner has full control, because ACLs are disabled, as they are by default on AWS."""
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    shown = acl_of(record.value["Account"])
    if record.value.get("LogDelivery"):
        group = {"Type": "Group", "URI": _LOG_DELIVERY}
        shown["Grants"] += [{"Grantee": group, "Permission": one} for one in ("WRITE", "READ_ACP")]
    return shown


async def get_object_acl(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    record, _ = await find_version(ctx, bucket, key, version_id, expected_bucket_owner)
    return acl_of(record.value["Account"])


def acl_of(account: str) -> dict[str, Any]:
    owner = {"ID": canonical_id(account), "DisplayName": account}
    return {
        "Owner": owner,
        "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    }
