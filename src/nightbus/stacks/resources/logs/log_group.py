"""Implements AWS::Logs::LogGroup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.aws.support import LOG_GROUP_CLASS
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import changed, converted, integer_value

_LONGEST_NAME = 512


class LogsLogGroup:
    type_name = "AWS::Logs::LogGroup"
    properties = frozenset({"KmsKeyId", "LogGroupClass", "LogGroupName", "RetentionInDays", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"LogGroupClass", "LogGroupName"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        kind = properties.get("LogGroupClass", LOG_GROUP_CLASS)
        return f"LogGroupClass {kind}" if isinstance(kind, str) and kind != LOG_GROUP_CLASS else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("LogGroupName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {"logGroupName": name, "tags": all_tags(properties, ctx)}
        for name_of_property, member in (("LogGroupClass", "logGroupClass"), ("KmsKeyId", "kmsKeyId")):
            if properties.get(name_of_property) is not None:
                request[member] = properties[name_of_property]
        try:
            await ctx.operation("logs", "CreateLogGroup", **request)
        except AwsError as error:
            if not is_there_already(error):
                raise
            tags = await ctx.inspect("logs", "ListTagsForResource", resourceArn=_arn(str(name), ctx))
            if not belongs_to_resource(tags["tags"], ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            if properties.get("RetentionInDays") is not None:
                await _set_retention(str(name), properties, ctx)
        return _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "RetentionInDays"):
            await _set_retention(physical_id, new, ctx)
        if changed(old, new, "KmsKeyId"):
            await _set_key(physical_id, new.get("KmsKeyId"), ctx)
        resource_arn, desired_tags = _arn(physical_id, ctx), all_tags(new, ctx)
        existing = (await ctx.operation("logs", "ListTagsForResource", resourceArn=resource_arn))["tags"]
        surplus = sorted(set(existing) - set(desired_tags))
        if surplus:
            await ctx.operation("logs", "UntagResource", resourceArn=resource_arn, tagKeys=surplus)
        await ctx.operation("logs", "TagResource", resourceArn=resource_arn, tags=desired_tags)
        return _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("logs", "DeleteLogGroup", logGroupName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        listed = await ctx.operation("logs", "DescribeLogGroups", logGroupNamePrefix=physical_id, limit=1)
        group = next((one for one in listed["logGroups"] if one["logGroupName"] == physical_id), None)
        if group is None:
            return None
        tags = await ctx.operation("logs", "ListTagsForResource", resourceArn=_arn(physical_id, ctx))
        return {
            **_resource(physical_id, ctx).attributes,
            "KmsKeyId": group.get("kmsKeyId"),
            "LogGroupClass": group.get("logGroupClass"),
            "LogGroupName": physical_id,
            "RetentionInDays": group.get("retentionInDays"),
            "Tags": own_tags(tags["tags"]),
        }


async def _set_retention(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    days = properties.get("RetentionInDays")
    if days is None:
        await ctx.operation("logs", "DeleteRetentionPolicy", logGroupName=name)
    else:
        retention = converted("RetentionInDays", days, integer_value)
        await ctx.operation("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=retention)


async def _set_key(name: str, key: str | None, ctx: ResourceContext) -> None:
    if key is None:
        await ctx.operation("logs", "DisassociateKmsKey", logGroupName=name)
    else:
        await ctx.operation("logs", "AssociateKmsKey", logGroupName=name, kmsKeyId=key)


def _arn(name: str, ctx: ResourceContext) -> str:
    return arn("logs", ctx.call.scope.region, ctx.call.scope.account, f"log-group:{name}")


def _resource(name: str, ctx: ResourceContext) -> Resource:
    return Resource(name, {"Arn": f"{_arn(name, ctx)}:*"})
