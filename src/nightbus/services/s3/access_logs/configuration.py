"""Puts and gets the logging of a bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.context import Context
from nightbus.services.s3.buckets.configuration import save
from nightbus.services.s3.errors import malformed_xml
from nightbus.services.s3.records import BUCKET, find_bucket
from nightbus.store.interface import SYSTEM, Record

_FORMATS = ("SimplePrefix", "PartitionedPrefix")


async def put_bucket_logging(
    ctx: Context,
    *,
    bucket: str,
    bucket_logging_status: dict[str, Any],
    expected_bucket_owner: str | None = None,
) -> None:
    """Turn logging on, or off by a status without LoggingEnabled."""
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    enabled = bucket_logging_status.get("LoggingEnabled")
    if enabled is not None:
        if enabled.get("TargetGrants"):
            raise not_supported("s3", "PutBucketLogging", "TargetGrants")
        key_format = enabled.get("TargetObjectKeyFormat")
        if key_format is not None and len([one for one in _FORMATS if key_format.get(one) is not None]) != 1:
            raise malformed_xml()
        await _check_target(ctx, str(enabled["TargetBucket"]), record)
    await save(ctx, bucket, expected_bucket_owner, {"Logging": enabled})


async def _check_target(ctx: Context, name: str, bucket: Record) -> None:
    target = await ctx.store.get(SYSTEM, BUCKET, name)
    if target is None:
        raise _bad_target("The target bucket for logging does not exist", name)
    if target.value["Account"] != bucket.value["Account"]:
        text = "The owner for the bucket to be logged and the target bucket must be the same."
        raise _bad_target(text, name)
    if target.value["Region"] != bucket.value["Region"]:
        text = "The bucket to be logged and the target bucket must be in the same location."
        raise AwsError("CrossLocationLoggingProhibited", text, 403, fields={"TargetBucket": name})
    if target.value.get("ObjectLock"):
        raise _bad_target("The target bucket for logging cannot have a default retention period", name)


def _bad_target(message: str, name: str) -> AwsError:
    return AwsError("InvalidTargetBucketForLogging", message, fields={"TargetBucket": name})


async def get_bucket_logging(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    enabled = (await find_bucket(ctx, bucket, expected_bucket_owner)).value.get("Logging")
    return {"LoggingEnabled": enabled} if enabled else {}
