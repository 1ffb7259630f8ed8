"""How does S3 say that an object is encrypted? As its bucket does by default, or as the request says.

There is no KMS, and what lies on the node's disk is encrypted by whoever encrypts that disk. So `aws:kms` is taken
where it is the bucket's default, and shown with the object; elsewhere it is refused.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nightbus.aws.arn import arn, is_arn
from nightbus.aws.errors import not_supported
from nightbus.services.s3.errors import invalid_argument
from nightbus.store.interface import Record

AES, KMS = "AES256", "aws:kms"


def encryption_of(
    operation: str,
    bucket: Record,
    algorithm: str | None,
    key: str | None = None,
    bucket_key: bool | None = None,
) -> dict[str, Any]:
    """The members of replies that say how a new object of the bucket is encrypted; they are kept with the object.

    `algorithm`, `key` and `bucket_key` are those of the request. Raises AwsError.
    """
    rule = _rule(bucket)
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    standing = default.get("SSEAlgorithm", AES)
    if key is not None and algorithm != KMS:
        text = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption"
        raise invalid_argument(f"{text} : aws:kms", "x-amz-server-side-encryption", algorithm)
    if algorithm not in (None, AES) and algorithm != standing:
        raise not_supported("s3", operation, f"ServerSideEncryption {algorithm}")
    if (algorithm or standing) != KMS:
        return {"ServerSideEncryption": AES}
    own = default.get("KMSMasterKeyID")
    if key is not None and _key_arn(bucket, key) != _key_arn(bucket, own):
        raise not_supported("s3", operation, f"SSEKMSKeyId {key}, which is not the bucket's")
    chosen = own if algorithm is None else key
    enabled = rule.get("BucketKeyEnabled") if bucket_key is None else bucket_key
    shown = {"ServerSideEncryption": KMS, "SSEKMSKeyId": _key_arn(bucket, chosen)}
    return {**shown, "BucketKeyEnabled": True} if enabled else shown


def shown(encryption: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of an object or an upload; one that was kept without has S3's own."""
    return encryption or {"ServerSideEncryption": AES}


def _rule(bucket: Record) -> Mapping[str, Any]:
    rules = bucket.value.get("Encryption", {}).get("Rules", [])
    return next(iter(rules), {})


def _key_arn(bucket: Record, key: str | None) -> str:
    """Without a key it is AWS's own for S3, of which each account has one a region."""
    account, region = bucket.value["Account"], bucket.value["Region"]
    if key is None:
        return arn(
            "kms", region, account, f"key/{uuid5(NAMESPACE_URL, f'kms/{region}/{account}/alias/aws/s3')}"
        )
    if is_arn(key):
        return key
    return arn("kms", region, account, key if key.startswith("alias/") else f"key/{key}")
