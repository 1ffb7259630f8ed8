"""Checks what a trail delivers to, when it is created or changed: its bucket, topic, log group and key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.log_files import put_object
from nightbus.services.cloudtrail.log_group import check_group
from nightbus.services.cloudtrail.notices import check_topic
from nightbus.services.cloudtrail.records import folder_of
from nightbus.services.context import Context, Platform

_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}")
_KEY_ERRORS = {
    "NotFoundException": "KmsKeyNotFoundException",
    "InvalidArnException": "InvalidKmsKeyIdException",
    "DisabledException": "KmsKeyDisabledException",
}


def topic_arn(scope: Scope, name: str) -> str:
    """Return the ARN of a topic by its name or its ARN, "" without one. Raises AwsError."""
    if name.startswith("arn:"):
        try:
            if Arn.parse(name).service == "sns":
                return name
        except ValueError:
            pass
    elif not name or _TOPIC.fullmatch(name):
        return arn("sns", scope.region, scope.account, name) if name else ""
    raise AwsError("InvalidSnsTopicNameException", f"SNS Topic name or ARN is not valid: {name}")


async def key_arn(ctx: Context, key_id: str) -> str:
    """Return the ARN of a key by its id, its ARN or an alias, "" without one. Raises AwsError."""
    if not key_id:
        return ""
    try:
        found = (await ctx.operation("kms", "DescribeKey", KeyId=key_id))["KeyMetadata"]
    except AwsError as error:
        if error.code not in _KEY_ERRORS:
            raise
        raise AwsError(_KEY_ERRORS[error.code], error.message) from error
    if not found["Enabled"]:
        raise AwsError("KmsKeyDisabledException", f"{found['Arn']} is disabled.")
    return str(found["Arn"])


async def check_destinations(
    ctx: Context, scope: Scope, old: Mapping[str, Any], new: Mapping[str, Any]
) -> None:
    """Raise AwsError unless the trail may deliver to what changed between its values."""

    def differ(*keys: str) -> bool:
        return any(old.get(key, "") != new.get(key, "") for key in keys)

    if differ("bucket", "prefix", "kms"):
        await _check_bucket(ctx.platform, scope, new)
    if differ("topic") and new.get("topic"):
        await check_topic(ctx.platform, scope, new)
    if differ("group", "role"):
        await check_group(ctx, scope, new)


async def _check_bucket(platform: Platform, scope: Scope, value: Mapping[str, Any]) -> None:
    """As on AWS, that leaves an empty object in the bucket."""
    bucket = value["bucket"]
    try:
        await put_object(platform, scope, value, f"{folder_of(scope, value)}/", b"")
    except AwsError as error:
        if error.code == "NoSuchBucket" or not await _exists(platform, scope, bucket):
            text = f"S3 bucket {bucket} does not exist!"
            raise AwsError("S3BucketDoesNotExistException", text) from error
        if "kms:" in error.message or error.code.startswith("KMS"):
            text = f"Insufficient permissions to access S3 bucket {bucket} or KMS key {value['kms']}."
            raise AwsError("InsufficientEncryptionPolicyException", text) from error
        if error.code == "AccessDenied":
            text = f"Incorrect S3 bucket policy is detected for bucket: {bucket}"
            raise AwsError("InsufficientS3BucketPolicyException", text) from error
        raise


async def _exists(platform: Platform, scope: Scope, bucket: str) -> bool:
    """Whoever may not read a bucket is refused alike whether it exists or not; the trail's owner is told."""
    call = Call(scope, Caller.root(scope.account), platform.endpoint, trusted=True)
    try:
        await platform.operations.call("s3", "HeadBucket", {"Bucket": bucket}, call)
    except AwsError as error:
        return error.status != 404
    return True
