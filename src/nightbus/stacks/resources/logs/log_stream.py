"""Implements AWS::Logs::LogStream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing

_LONGEST_NAME = 512


class LogsLogStream:
    type_name = "AWS::Logs::LogStream"
    properties = frozenset({"LogGroupName", "LogStreamName"})
    required = frozenset({"LogGroupName"})
    replace_on = frozenset({"LogGroupName", "LogStreamName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("LogStreamName")
        return str(template_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Create the stream. Streams have no tags, so one of the name is somebody else's."""
        await ctx.operation("logs", "CreateLogStream", **_chosen(str(name), properties))
        return Resource(str(name))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("logs", "DeleteLogStream", **_chosen(physical_id, properties))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        group = properties["LogGroupName"]
        reply = await ctx.operation(
            "logs", "DescribeLogStreams", logGroupName=group, logStreamNamePrefix=physical_id
        )
        names = [stream["logStreamName"] for stream in reply["logStreams"]]
        return {"LogGroupName": group, "LogStreamName": physical_id} if physical_id in names else None


def _chosen(name: str, properties: Mapping[str, Any]) -> dict[str, str]:
    return {"logGroupName": str(properties["LogGroupName"]), "logStreamName": name}
