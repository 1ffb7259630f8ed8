"""Implements AWS::KMS::Alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, is_gone, is_there_already


class KmsAlias:
    type_name = "AWS::KMS::Alias"
    properties = frozenset({"AliasName", "TargetKeyId"})
    required = properties
    replace_on = frozenset({"AliasName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["AliasName"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        target = properties["TargetKeyId"]
        try:
            await ctx.operation("kms", "CreateAlias", AliasName=name, TargetKeyId=target)
        except AwsError as error:
            if not is_there_already(error) or not await _leads_to(str(name), target, ctx):
                raise
        return Resource(str(name))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await ctx.operation("kms", "UpdateAlias", AliasName=physical_id, TargetKeyId=new["TargetKeyId"])
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("kms", "DeleteAlias", AliasName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        key = (await ctx.operation("kms", "DescribeKey", KeyId=physical_id))["KeyMetadata"]
        declared = properties.get("TargetKeyId")
        target = declared if declared in (key["KeyId"], key["Arn"]) else key["KeyId"]
        return {"AliasName": physical_id, "TargetKeyId": target}


async def _leads_to(alias: str, target: str, ctx: ResourceContext) -> bool:
    """Return whether the alias leads to the key that the template names: what an attempt before a crash made."""
    try:
        key = await ctx.operation("kms", "DescribeKey", KeyId=alias)
    except AwsError as error:
        if is_gone(error):
            return False
        raise
    return target in (key["KeyMetadata"]["KeyId"], key["KeyMetadata"]["Arn"])
