"""Decides how a new object is encrypted: by the bucket's default, or as the request says; and checks keys at each use.

Objects are not encrypted by what is decided here; to encrypt what the node stores, encrypt its disk. The key of SSE-KMS
must be there, be enabled and be a symmetric one when an object is written and when it is read.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn, partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.keys.records import managed_key_id
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    READING,
    KeyUser,
)
from nightbus.services.context import Context
from nightbus.services.key_uses import require_use
from nightbus.services.s3.errors import invalid_argument
from nightbus.store.interface import Record

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions: parts are decrypted
ONE_WRITE = ("kms:GenerateDataKey",)
IN_PARTS = ("kms:GenerateDataKey", "kms:Decrypt")
AES, KMS = "AES256", "aws:kms"
_MANAGED = "alias/aws/s3"
_KEY_ERRORS = {
    NOT_FOUND: "KMS.NotFoundException",
    DISABLED: "KMS.DisabledException",
    INVALID_STATE: "KMS.KMSInvalidStateException",
    INVALID_USAGE: "KMS.InvalidKeyUsageException",
    ACCESS_DENIED: "AccessDenied",
}


async def encryption_of(
    ctx: Context,
    operation: str,
    bucket: Record,
    algorithm: str | None,
    key: str | None = None,
    bucket_key: bool | None = None,
    *,
    name: str,
    actions: tuple[str, ...] = ONE_WRITE,
) -> dict[str, Any]:
    """Return the members of replies that name the encryption of a new object. They are stored with the object.

    `algorithm`, `key` and `bucket_key` are those of the request; None stands for the bucket's default. With `aws:kms`
    and no key it is the AWS managed key for S3. `name` is the object's key; `actions` are what the caller needs on the
    key of KMS. Raises AwsError for a key that cannot be used.
    """
    rule = _rule(bucket)
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    if key is not None and algorithm != KMS:
        text = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption"
        raise invalid_argument(f"{text} : aws:kms", "x-amz-server-side-encryption", algorithm)
    chosen = algorithm or default.get("SSEAlgorithm", AES)
    if chosen not in (AES, KMS):
        raise not_supported("s3", operation, f"ServerSideEncryption {chosen}")
    if chosen == AES:
        return {"ServerSideEncryption": AES}
    named = (key if algorithm else default.get("KMSMasterKeyID")) or _MANAGED
    home = Scope(ctx.caller.account or bucket.value["Account"], bucket.value["Region"])
    enabled = rule.get("BucketKeyEnabled") if bucket_key is None else bucket_key
    user = KeyUser(
        ctx.caller, "s3", actions, _context(partition_of(home.region), bucket.key, name, bool(enabled))
    )
    found = await require_use(ctx, home, named, _KEY_ERRORS, user)
    members = {"ServerSideEncryption": KMS, "SSEKMSKeyId": found.arn}
    return {**members, "BucketKeyEnabled": True} if enabled else members


async def require_key_of(ctx: Context, bucket: str, name: str, encryption: Mapping[str, Any]) -> None:
    """Raise AwsError unless the key of a stored object or upload, if it has one, can be used by the caller to read."""
    named = encryption.get("SSEKMSKeyId")
    if named is None:
        return
    arn = Arn.parse(named)
    home = Scope(arn.account, arn.region)
    if arn.resource == f"key/{managed_key_id(home, _MANAGED)}":
        named = f"arn:{arn.partition}:kms:{arn.region}:{arn.account}:{_MANAGED}"  # which makes it at its first use
    context = _context(arn.partition, bucket, name, bool(encryption.get("BucketKeyEnabled")))
    await require_use(ctx, home, named, _KEY_ERRORS, KeyUser(ctx.caller, "s3", READING, context))


def _context(partition: str, bucket: str, name: str, by_bucket: bool) -> dict[str, str]:
    """Return the encryption context: the bucket with an S3 Bucket Key, else the object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context
    """
    resource = bucket if by_bucket else f"{bucket}/{name}"
    return {"aws:s3:arn": f"arn:{partition}:s3:::{resource}"}


def encryption_members(encryption: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the encryption members of an object or an upload. One that was stored without any has S3's own key."""
    return encryption or {"ServerSideEncryption": AES}


def _rule(bucket: Record) -> Mapping[str, Any]:
    rules = bucket.value.get("Encryption", {}).get("Rules", [])
    return next(iter(rules), {})
