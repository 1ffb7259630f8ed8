"""Implements AWS::Logs::SubscriptionFilter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing

_LONGEST_NAME = 512


class LogsSubscriptionFilter:
    type_name = "AWS::Logs::SubscriptionFilter"
    properties = frozenset({"DestinationArn", "Distribution", "FilterName", "FilterPattern", "LogGroupName"})
    required = frozenset({"DestinationArn", "FilterPattern", "LogGroupName"})
    replace_on = frozenset({"FilterName", "LogGroupName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("FilterName")
        return str(template_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        return await _put(str(name), properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        request = {"logGroupName": str(properties["LogGroupName"]), "filterName": physical_id}
        with ignore_missing():
            await ctx.operation("logs", "DeleteSubscriptionFilter", **request)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        request = {"logGroupName": str(properties["LogGroupName"]), "filterNamePrefix": physical_id}
        reply = await ctx.operation("logs", "DescribeSubscriptionFilters", **request)
        for found in reply["subscriptionFilters"]:
            if found["filterName"] == physical_id:
                return {name[0].upper() + name[1:]: value for name, value in found.items()}
        return None


async def _put(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    request = {
        "logGroupName": str(properties["LogGroupName"]),
        "filterName": name,
        "filterPattern": str(properties["FilterPattern"]),
        "destinationArn": str(properties["DestinationArn"]),
    }
    if properties.get("Distribution"):
        request["distribution"] = str(properties["Distribution"])
    await ctx.operation("logs", "PutSubscriptionFilter", **request)
    return Resource(name)
