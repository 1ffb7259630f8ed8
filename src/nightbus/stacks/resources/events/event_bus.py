"""Implements AWS::Events::EventBus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import document_text, selected_properties

_SETTINGS = ("DeadLetterConfig", "Description", "KmsKeyIdentifier", "LogConfig")


class EventsEventBus:
    type_name = "AWS::Events::EventBus"
    properties = frozenset({*_SETTINGS, "EventSourceName", "Name", "Policy", "Tags"})
    required = frozenset({"Name"})
    replace_on = frozenset({"Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["Name"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, *_SETTINGS, "EventSourceName")
        try:
            await ctx.operation(
                "events", "CreateEventBus", Name=name, Tags=as_list(all_tags(properties, ctx)), **request
            )
        except AwsError as error:
            if not is_there_already(error) or not await _is_ours(str(name), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await _set_policy(str(name), properties, ctx)
        return await _described(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        # Settings that the template no longer has are removed.
        settings = {"Description": "", "DeadLetterConfig": {}, "LogConfig": {"Level": "OFF"}}
        settings |= selected_properties(new, *_SETTINGS)
        await ctx.operation("events", "UpdateEventBus", Name=physical_id, **settings)
        described = await _described(physical_id, ctx)
        arn = described.attributes["Arn"]
        existing = tag_map((await ctx.inspect("events", "ListTagsForResource", ResourceARN=arn))["Tags"])
        tags = all_tags(new, ctx)
        surplus = sorted(set(existing) - set(tags))
        if surplus:
            await ctx.operation("events", "UntagResource", ResourceARN=arn, TagKeys=surplus)
        await ctx.operation("events", "TagResource", ResourceARN=arn, Tags=as_list(tags))
        if new.get("Policy") is None and old.get("Policy") is not None:
            await ctx.operation(
                "events", "RemovePermission", EventBusName=physical_id, RemoveAllPermissions=True
            )
        await _set_policy(physical_id, new, ctx)
        return await _described(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("events", "DeleteEventBus", Name=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("events", "DescribeEventBus", Name=physical_id)
        tags = await ctx.operation("events", "ListTagsForResource", ResourceARN=live["Arn"])
        return {**live, "Tags": own_tags(tag_map(tags["Tags"]))}


async def _set_policy(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    policy = properties.get("Policy")
    if policy is not None:
        await ctx.operation("events", "PutPermission", EventBusName=name, Policy=document_text(policy))


async def _is_ours(name: str, ctx: ResourceContext) -> bool:
    described = await ctx.inspect("events", "DescribeEventBus", Name=name)
    tags = await ctx.inspect("events", "ListTagsForResource", ResourceARN=described["Arn"])
    return belongs_to_resource(tag_map(tags["Tags"]), ctx)


async def _described(name: str, ctx: ResourceContext) -> Resource:
    reply = await ctx.operation("events", "DescribeEventBus", Name=name)
    return Resource(name, {"Arn": reply["Arn"], "Name": name, "Policy": reply.get("Policy") or ""})
