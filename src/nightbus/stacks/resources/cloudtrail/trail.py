"""Implements AWS::CloudTrail::Trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import boolean, changed, converted

_LONGEST_NAME = 128
_FLAGS = {
    "EnableLogFileValidation": False,
    "IncludeGlobalServiceEvents": True,
    "IsMultiRegionTrail": False,
}
_SHOWN_AS = {"EnableLogFileValidation": "LogFileValidationEnabled"}
_TEXTS = ("CloudWatchLogsLogGroupArn", "CloudWatchLogsRoleArn", "KMSKeyId", "S3KeyPrefix", "SnsTopicName")
_NAMED = {"KMSKeyId": "KmsKeyId"}  # where the operations spell it differently
_SELECTOR_FLAG = "IncludeManagementEvents"


class CloudTrailTrail:
    type_name = "AWS::CloudTrail::Trail"
    properties = frozenset(
        {
            "AdvancedEventSelectors", "EventSelectors", "IsLogging", "S3BucketName", "Tags", "TrailName", *_FLAGS,
            *_TEXTS,
        }
    )  # fmt: skip
    required = frozenset({"IsLogging", "S3BucketName"})
    replace_on = frozenset({"TrailName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        name = properties.get("TrailName")
        return str(name) if name else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {**_settings(properties), "TagsList": as_list(all_tags(properties, ctx))}
        try:
            await ctx.operation("cloudtrail", "CreateTrail", Name=name, **request)
        except AwsError as error:
            if not is_there_already(error) or not belongs_to_resource(await _tags(str(name), ctx), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            if properties.get("EventSelectors") or properties.get("AdvancedEventSelectors"):
                await _select(str(name), properties, ctx)
            await _log(str(name), properties, ctx)
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await ctx.operation("cloudtrail", "UpdateTrail", Name=physical_id, **_settings(new))
        if changed(old, new, "EventSelectors") or changed(old, new, "AdvancedEventSelectors"):
            await _select(physical_id, new, ctx)
        if changed(old, new, "IsLogging"):
            await _log(physical_id, new, ctx)
        existing, tags = await _tags(physical_id, ctx), all_tags(new, ctx)
        surplus = [{"Key": key} for key in sorted(set(existing) - set(tags))]
        trail = _arn(physical_id, ctx)
        if surplus:
            await ctx.operation("cloudtrail", "RemoveTags", ResourceId=trail, TagsList=surplus)
        if any(existing.get(key) != value for key, value in tags.items()):
            await ctx.operation("cloudtrail", "AddTags", ResourceId=trail, TagsList=as_list(tags))
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("cloudtrail", "DeleteTrail", Name=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        trail = (await ctx.operation("cloudtrail", "GetTrail", Name=physical_id))["Trail"]
        status = await ctx.operation("cloudtrail", "GetTrailStatus", Name=physical_id)
        selectors = await ctx.operation("cloudtrail", "GetEventSelectors", TrailName=physical_id)
        tags = await ctx.operation("cloudtrail", "ListTags", ResourceIdList=[trail["TrailARN"]])
        return {
            "Arn": trail["TrailARN"],
            "AdvancedEventSelectors": selectors.get("AdvancedEventSelectors", []),
            "EventSelectors": selectors.get("EventSelectors", []),
            "IsLogging": status["IsLogging"],
            "S3BucketName": trail["S3BucketName"],
            "Tags": own_tags(tag_map(tags["ResourceTagList"][0]["TagsList"])),
            "TrailName": physical_id,
            **{name: trail[_SHOWN_AS.get(name, name)] for name in _FLAGS},
            **{name: trail.get(_NAMED.get(name, name), "") for name in _TEXTS},
        }


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    flags = {
        name: converted(name, default if properties.get(name) is None else properties[name], boolean)
        for name, default in _FLAGS.items()
    }
    texts = {_NAMED.get(name, name): properties.get(name) or "" for name in _TEXTS}
    return {"S3BucketName": properties["S3BucketName"], **texts, **flags}


async def _select(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    advanced = properties.get("AdvancedEventSelectors")
    if advanced:
        await ctx.operation(
            "cloudtrail", "PutEventSelectors", TrailName=name, AdvancedEventSelectors=advanced
        )
        return
    selectors = [
        {**one, _SELECTOR_FLAG: converted(_SELECTOR_FLAG, one.get(_SELECTOR_FLAG, True), boolean)}
        for one in properties.get("EventSelectors") or [{}]
    ]
    await ctx.operation("cloudtrail", "PutEventSelectors", TrailName=name, EventSelectors=selectors)


async def _log(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    is_on = converted("IsLogging", properties["IsLogging"], boolean)
    await ctx.operation("cloudtrail", "StartLogging" if is_on else "StopLogging", Name=name)


async def _tags(name: str, ctx: ResourceContext) -> dict[str, str]:
    reply = await ctx.inspect("cloudtrail", "ListTags", ResourceIdList=[_arn(name, ctx)])
    return tag_map(reply["ResourceTagList"][0]["TagsList"])


def _arn(name: str, ctx: ResourceContext) -> str:
    return arn("cloudtrail", ctx.call.scope.region, ctx.call.scope.account, f"trail/{name}")


async def _resource(name: str, ctx: ResourceContext) -> Resource:
    trail = (await ctx.inspect("cloudtrail", "GetTrail", Name=name))["Trail"]
    return Resource(name, {"Arn": trail["TrailARN"], "SnsTopicArn": trail.get("SnsTopicARN", "")})
