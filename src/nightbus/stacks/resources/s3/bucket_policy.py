"""Implements AWS::S3::BucketPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone
from nightbus.stacks.resources.values import document_text


class S3BucketPolicy:
    type_name = "AWS::S3::BucketPolicy"
    properties = frozenset({"Bucket", "PolicyDocument"})
    required = frozenset({"Bucket", "PolicyDocument"})
    replace_on = frozenset({"Bucket"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["Bucket"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _refuse_foreign_policy(properties, ctx)
        return await _put(properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("s3", "DeleteBucketPolicy", Bucket=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        reply = await ctx.operation("s3", "GetBucketPolicy", Bucket=physical_id)
        return {"Bucket": physical_id, "PolicyDocument": reply["Policy"]}


async def _refuse_foreign_policy(properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Raise AwsError if the bucket has another policy, which Put would overwrite. An equal one was made before a
    crash."""
    bucket, policy = str(properties["Bucket"]), document_text(properties["PolicyDocument"])
    try:
        existing = await ctx.operation("s3", "GetBucketPolicy", Bucket=bucket)
    except AwsError as error:
        if is_gone(error):
            return
        raise
    if existing["Policy"] != policy:
        raise exists_elsewhere(f"The bucket policy of {bucket}")


async def _put(properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    bucket, policy = str(properties["Bucket"]), document_text(properties["PolicyDocument"])
    await ctx.operation("s3", "PutBucketPolicy", Bucket=bucket, Policy=policy)
    return Resource(bucket)
