"""Decides which encryption S3's replies name for an object: the bucket's default, or what the request names.

Nightbus has no KMS and does not encrypt what it stores; to encrypt objects at rest, encrypt the node's disk. A request
with `aws:kms` is accepted if that is the bucket's default, and refused otherwise.
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
    """Return the members of replies that name the encryption of a new object. They are stored with the object.

    `algorithm`, `key` and `bucket_key` are those of the request; None stands for the bucket's default. Raises AwsError
    for an algorithm or a key that is not the bucket's.
    """
    rule = _rule(bucket)
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    existing = default.get("SSEAlgorithm", AES)
    if key is not None and algorithm != KMS:
        text = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption"
        raise invalid_argument(f"{text} : aws:kms", "x-amz-server-side-encryption", algorithm)
    if algorithm not in (None, AES) and algorithm != existing:
        raise not_supported("s3", operation, f"ServerSideEncryption {algorithm}")
    if (algorithm or existing) != KMS:
        return {"ServerSideEncryption": AES}
    bucket_key_id = default.get("KMSMasterKeyID")
    if key is not None and _key_arn(bucket, key) != _key_arn(bucket, bucket_key_id):
        raise not_supported("s3", operation, f"SSEKMSKeyId {key}, which is not the bucket's")
    chosen = bucket_key_id if algorithm is None else key
    enabled = rule.get("BucketKeyEnabled") if bucket_key is None else bucket_key
    members = {"ServerSideEncryption": KMS, "SSEKMSKeyId": _key_arn(bucket, chosen)}
    return {**members, "BucketKeyEnabled": True} if enabled else members


def encryption_members(encryption: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the encryption members of an object or an upload. One that was stored without any has S3's own key."""
    return encryption or {"ServerSideEncryption": AES}


def _rule(bucket: Record) -> Mapping[str, Any]:
    rules = bucket.value.get("Encryption", {}).get("Rules", [])
    return next(iter(rules), {})


def _key_arn(bucket: Record, key: str | None) -> str:
    """Return the key's ARN. Without a key it is that of the AWS managed key for S3, one per account and region."""
    account, region = bucket.value["Account"], bucket.value["Region"]
    if key is None:
        return arn(
            "kms", region, account, f"key/{uuid5(NAMESPACE_URL, f'kms/{region}/{account}/alias/aws/s3')}"
        )
    if is_arn(key):
        return key
    return arn("kms", region, account, key if key.startswith("alias/") else f"key/{key}")
