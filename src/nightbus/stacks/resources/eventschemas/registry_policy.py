"""Implements AWS::EventSchemas::RegistryPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone
from nightbus.stacks.resources.values import document_text, selected_properties


class EventSchemasRegistryPolicy:
    """Its physical id is the name of its registry."""

    type_name = "AWS::EventSchemas::RegistryPolicy"
    properties = frozenset({"Policy", "RegistryName", "RevisionId"})
    required = frozenset({"Policy", "RegistryName"})
    replace_on = frozenset({"RegistryName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["RegistryName"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Refuse a registry that has another policy; an equal one was made before a crash."""
        policy = document_text(properties["Policy"])
        try:
            existing = await ctx.inspect("schemas", "GetResourcePolicy", RegistryName=str(name))
            if existing["Policy"] != policy:
                raise exists_elsewhere(f"The policy of registry {name}")
        except AwsError as error:
            if not is_gone(error):
                raise
        return await _put(str(name), properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("schemas", "DeleteResourcePolicy", RegistryName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        found = await ctx.operation("schemas", "GetResourcePolicy", RegistryName=physical_id)
        return {"Id": physical_id, "RegistryName": physical_id, "Policy": found["Policy"]}


async def _put(registry: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    request = selected_properties(properties, "RevisionId")
    policy = document_text(properties["Policy"])
    await ctx.operation("schemas", "PutResourcePolicy", RegistryName=registry, Policy=policy, **request)
    return Resource(registry, {"Id": registry})
