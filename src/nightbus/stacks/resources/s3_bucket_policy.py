"""AWS::S3::BucketPolicy"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import document


class S3BucketPolicy:
    type_name = "AWS::S3::BucketPolicy"
    properties = frozenset({"Bucket", "PolicyDocument"})
    required = frozenset({"Bucket", "PolicyDocument"})
    replace_on = frozenset({"Bucket"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["Bucket"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await ctx.operation(
            "s3",
            "PutBucketPolicy",
            Bucket=properties["Bucket"],
            Policy=document(properties["PolicyDocument"]),
        )
        return Resource(str(properties["Bucket"]))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with gone_is_fine():
            await ctx.operation("s3", "DeleteBucketPolicy", Bucket=physical_id)
