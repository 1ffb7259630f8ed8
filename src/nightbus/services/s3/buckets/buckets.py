"""Creates, describes, lists and deletes buckets."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.pagination import page
from nightbus.aws.replies import Reply
from nightbus.services.context import Context, Platform
from nightbus.services.s3.buckets.configuration import check_bucket_tags, save
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.records import (
    BUCKET,
    bucket_arn,
    find_bucket,
    object_kind,
    owner_of,
    upload_kind,
    version_kind,
)
from nightbus.services.s3.uploads.uploads import upload_removal
from nightbus.store.interface import SYSTEM, Conflict, DeleteRecord, PutRecord

_NAME = re.compile(r"(?!xn--|sthree-|\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9](?<!-s3alias)")
_HOME = "us-east-1"
_ENFORCED = "BucketOwnerEnforced"
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_PAGE = 10_000
_PER_LOOK = 500
_REOPEN_SECONDS = 60.0


async def create_bucket(
    ctx: Context,
    *,
    bucket: str,
    create_bucket_configuration: dict[str, Any] | None = None,
    object_ownership: str | None = None,
    acl: str | None = None,
    object_lock_enabled_for_bucket: bool = False,
) -> dict[str, Any]:
    if not _NAME.fullmatch(bucket) or ".." in bucket:
        raise AwsError(
            "InvalidBucketName", "The specified bucket is not valid.", fields={"BucketName": bucket}
        )
    _check_acl(acl, object_ownership)
    configuration = create_bucket_configuration or {}
    if set(configuration) - {"LocationConstraint", "Tags"}:
        raise not_supported("s3", "CreateBucket", "a directory bucket")
    region = _region(ctx, configuration.get("LocationConstraint"))
    value: dict[str, Any] = {
        "Name": bucket,
        "Account": ctx.account,
        "Region": region,
        "Created": ctx.now_ms(),
        "PublicAccessBlock": dict.fromkeys(_BLOCKS, True),
        "OwnershipControls": {"Rules": [{"ObjectOwnership": object_ownership or _ENFORCED}]},
    }
    if object_lock_enabled_for_bucket:
        value["ObjectLock"] = {"ObjectLockEnabled": "Enabled"}
        value["VersioningConfiguration"] = {"Status": "Enabled"}
    if configuration.get("Tags"):
        check_bucket_tags({"TagSet": configuration["Tags"]})
        value["Tagging"] = {"TagSet": configuration["Tags"]}
    try:
        await ctx.store.commit(PutRecord(SYSTEM, BUCKET, bucket, value, expect=0))
    except Conflict:
        await _refuse_taken_name(ctx, bucket)
    return {"Location": f"/{bucket}", "BucketArn": f"arn:{partition_of(ctx.region)}:s3:::{bucket}"}


def _check_acl(acl: str | None, ownership: str | None) -> None:
    if acl in (None, "private"):
        return
    if ownership in (None, _ENFORCED):
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise AwsError("InvalidBucketAclWithObjectOwnership", text)
    raise not_supported("s3", "CreateBucket", f"ACL {acl}")


def _region(ctx: Context, constraint: str | None) -> str:
    if constraint is None:
        if ctx.region != _HOME:
            text = "The unspecified location constraint is incompatible for the region specific endpoint this"
            raise AwsError("IllegalLocationConstraintException", f"{text} request was sent to.")
        return _HOME
    region = "eu-west-1" if constraint == "EU" else constraint
    if region != ctx.region:
        text = f"The {constraint} location constraint is incompatible for the region specific endpoint this"
        raise AwsError("IllegalLocationConstraintException", f"{text} request was sent to.")
    return region


async def _refuse_taken_name(ctx: Context, bucket: str) -> None:
    """Raise AwsError if the name is taken. In us-east-1 an owner may create the same bucket again, as in S3."""
    record = await ctx.store.get(SYSTEM, BUCKET, bucket)
    if record is not None and record.value["Account"] != ctx.account:
        text = (
            "The requested bucket name is not available. The bucket namespace is shared by all users of the"
        )
        text += " system. Please select a different name and try again."
        raise AwsError("BucketAlreadyExists", text, 409, fields={"BucketName": bucket})
    if ctx.region != _HOME:
        text = "Your previous request to create the named bucket succeeded and you already own it."
        raise AwsError("BucketAlreadyOwnedByYou", text, 409, fields={"BucketName": bucket})


async def head_bucket(ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None) -> Reply:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    region = record.value["Region"]
    output = {"BucketRegion": region, "AccessPointAlias": False, "BucketArn": bucket_arn(record)}
    return Reply(output, headers={"x-amz-bucket-region": region})


async def get_bucket_location(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    region = record.value["Region"]
    return {"LocationConstraint": None if region == _HOME else region}


async def delete_bucket(ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None) -> Reply:
    """Delete an empty bucket. It is marked as closed first, so that no object is put between the check and the end."""
    await save(ctx, bucket, expected_bucket_owner, {"Closing": True})
    try:
        record = await find_bucket(ctx, bucket)
        await _check_empty(ctx, bucket)
        uploads = await ctx.store.list(SYSTEM, upload_kind(bucket))
        removals = [change for upload in uploads for change in await upload_removal(ctx, bucket, upload)]
        await ctx.store.commit(*removals, DeleteRecord(SYSTEM, BUCKET, bucket, expect=record.revision))
    except (AwsError, Conflict):
        await save(ctx, bucket, None, {"Closing": None})
        raise
    return Reply(status=204)


async def _check_empty(ctx: Context, bucket: str) -> None:
    """Raise AwsError BucketNotEmpty if the bucket has a version, a delete marker or an upload."""
    for kind in (object_kind(bucket), version_kind(bucket)):
        for left in await ctx.store.list(SYSTEM, kind, limit=1):
            text = "The bucket you tried to delete is not empty"
            if kind == version_kind(bucket) or left.value["delete_marker"]:
                text += ". You must delete all versions in the bucket."
            raise AwsError("BucketNotEmpty", text, 409, fields={"BucketName": bucket})


async def reopen_buckets(platform: Platform) -> None:
    """A duty of one node: every minute, open the buckets that a crash in the midst of a deletion left closed.

    A deletion that is merely slow, on this node or another, finds its bucket changed and begins again.
    """
    while True:
        after = ""
        while records := await platform.store.list(SYSTEM, BUCKET, after=after, limit=_PER_LOOK):
            after = records[-1].key
            for record in records:
                if record.value.pop("Closing", None):
                    with contextlib.suppress(Conflict):
                        await platform.store.commit(
                            PutRecord(SYSTEM, BUCKET, record.key, record.value, expect=record.revision)
                        )
        await platform.clock.sleep(_REOPEN_SECONDS)


async def list_buckets(
    ctx: Context,
    *,
    max_buckets: int = _PAGE,
    continuation_token: str | None = None,
    prefix: str = "",
    bucket_region: str | None = None,
) -> dict[str, Any]:
    records = await ctx.store.list(SYSTEM, BUCKET, prefix=prefix)
    buckets = [
        record
        for record in records
        if record.value["Account"] == ctx.account and bucket_region in (None, record.value["Region"])
    ]
    wrong = invalid_argument("The continuation token provided is incorrect", "continuation-token", "")
    page_items, token = page(buckets, lambda record: record.key, max_buckets, continuation_token, wrong)
    return {
        "Buckets": [
            {
                "Name": record.key,
                "CreationDate": datetime.fromtimestamp(record.value["Created"] / 1000, UTC),
                "BucketRegion": record.value["Region"],
                "BucketArn": bucket_arn(record),
            }
            for record in page_items
        ],
        "Owner": owner_of(ctx.account),
        "ContinuationToken": token,
        "Prefix": prefix or None,
    }
