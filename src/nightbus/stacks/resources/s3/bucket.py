"""Implements AWS::S3::Bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.errors import AwsError
from nightbus.aws.support import BUCKET_ENCRYPTIONS
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone, undone_on_failure
from nightbus.stacks.resources.s3.bucket_settings import SETTINGS, apply_settings
from nightbus.stacks.resources.s3.bucket_state import live_settings
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, tag_map
from nightbus.stacks.resources.values import boolean

_LONGEST_NAME = 63
_HOME = "us-east-1"
_NOT_FOUND = 404


class S3Bucket:
    type_name = "AWS::S3::Bucket"
    properties = frozenset({"BucketName", "Tags", *SETTINGS})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"BucketName"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        encryption = properties.get("BucketEncryption")
        rules = (
            encryption.get("ServerSideEncryptionConfiguration") if isinstance(encryption, Mapping) else None
        )
        for rule in rules if isinstance(rules, list) else ():
            default = rule.get("ServerSideEncryptionByDefault") if isinstance(rule, Mapping) else None
            algorithm = default.get("SSEAlgorithm") if isinstance(default, Mapping) else None
            if isinstance(algorithm, str) and algorithm not in BUCKET_ENCRYPTIONS:
                return f"SSEAlgorithm {algorithm}"
        return None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("BucketName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME, lower=True)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        bucket = str(name)
        if not await _exists_already(bucket, ctx):
            region = ctx.call.scope.region
            configuration: dict[str, Any] = {"Tags": as_list(all_tags(properties, ctx))}
            if region != _HOME:
                configuration["LocationConstraint"] = region
            await ctx.operation(
                "s3",
                "CreateBucket",
                Bucket=bucket,
                CreateBucketConfiguration=configuration,
                ObjectLockEnabledForBucket=boolean(properties.get("ObjectLockEnabled", False)),
            )
        async with undone_on_failure(self.delete(bucket, properties, ctx)):
            await apply_settings(bucket, {}, properties, ctx)
        return _resource(bucket, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await apply_settings(physical_id, old, new, ctx)
        await ctx.operation(
            "s3", "PutBucketTagging", Bucket=physical_id, Tagging={"TagSet": as_list(all_tags(new, ctx))}
        )
        return _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("s3", "DeleteBucket", Bucket=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        await ctx.operation("s3", "HeadBucket", Bucket=physical_id)
        live = await live_settings(physical_id, ctx)
        return {"BucketName": physical_id, **_resource(physical_id, ctx).attributes, **live}


async def _exists_already(bucket: str, ctx: ResourceContext) -> bool:
    """Return whether the bucket was made by this resource before a crash. Raises AwsError if it is another one.

    CreateBucket by itself would accept any bucket of the same account.
    """
    try:
        await ctx.operation("s3", "HeadBucket", Bucket=bucket)
        tags = tag_map((await ctx.operation("s3", "GetBucketTagging", Bucket=bucket))["TagSet"])
    except AwsError as error:
        if error.code == "NoSuchTagSet":
            raise exists_elsewhere(bucket) from error
        if is_gone(error) or error.status == _NOT_FOUND:
            return False
        raise
    if not belongs_to_resource(tags, ctx):
        raise exists_elsewhere(bucket)
    return True


def _resource(bucket: str, ctx: ResourceContext) -> Resource:
    region = ctx.call.scope.region
    partition = partition_of(region)
    website = "s3-website-" if region == _HOME else "s3-website."
    return Resource(
        bucket,
        {
            "Arn": f"arn:{partition}:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "DualStackDomainName": f"{bucket}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{region}.amazonaws.com",
            "WebsiteURL": f"http://{bucket}.{website}{region}.amazonaws.com",
        },
    )
