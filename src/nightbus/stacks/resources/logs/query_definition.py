"""Implements AWS::Logs::QueryDefinition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing


class LogsQueryDefinition:
    type_name = "AWS::Logs::QueryDefinition"
    properties = frozenset({"LogGroupNames", "Name", "QueryLanguage", "QueryString"})
    required = frozenset({"Name", "QueryString"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Make the definition. A stack's resource has a token, so that a creation after a crash makes no second one."""
        if not ctx.stack_id:
            return await _put(properties, ctx)
        token = str(uuid5(NAMESPACE_URL, f"{ctx.stack_id}/{ctx.logical_id}"))
        return await _put(properties, ctx, clientToken=token)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(new, ctx, queryDefinitionId=physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("logs", "DeleteQueryDefinition", queryDefinitionId=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        reply = await ctx.operation("logs", "DescribeQueryDefinitions")
        for found in reply["queryDefinitions"]:
            if found["queryDefinitionId"] == physical_id:
                return {name[0].upper() + name[1:]: value for name, value in found.items()}
        return None


async def _put(properties: Mapping[str, Any], ctx: ResourceContext, **further: str) -> Resource:
    request = {"name": properties["Name"], "queryString": properties["QueryString"], **further}
    if properties.get("LogGroupNames"):
        request["logGroupNames"] = list(properties["LogGroupNames"])
    if properties.get("QueryLanguage"):
        request["queryLanguage"] = properties["QueryLanguage"]
    reply = await ctx.operation("logs", "PutQueryDefinition", **request)
    query_id = str(reply["queryDefinitionId"])
    return Resource(query_id, {"QueryDefinitionId": query_id})
