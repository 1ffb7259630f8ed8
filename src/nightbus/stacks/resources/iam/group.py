"""Implements AWS::IAM::Group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.iam.principals import drop_policies, policies_now, set_policies
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, undone_on_failure
from nightbus.stacks.resources.values import changed, selected_properties

_LONGEST_NAME = 128


class IamGroup:
    type_name = "AWS::IAM::Group"
    properties = frozenset({"GroupName", "ManagedPolicyArns", "Path", "Policies"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"GroupName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("GroupName")
        return str(template_name or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Create the group. Groups have no tags, so one of the name is somebody else's."""
        await ctx.operation("iam", "CreateGroup", GroupName=name, **selected_properties(properties, "Path"))
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await set_policies("Group", str(name), {}, properties, ctx)
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "Path"):
            await ctx.operation("iam", "UpdateGroup", GroupName=physical_id, NewPath=new.get("Path") or "/")
        await set_policies("Group", physical_id, old, new, ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await drop_policies("Group", physical_id, ctx)
            await ctx.operation("iam", "DeleteGroup", GroupName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        group = (await ctx.operation("iam", "GetGroup", GroupName=physical_id))["Group"]
        return {**group, **await policies_now("Group", physical_id, properties, ctx)}


async def _resource(name: str, ctx: ResourceContext) -> Resource:
    group = (await ctx.operation("iam", "GetGroup", GroupName=name))["Group"]
    return Resource(name, {"Arn": group["Arn"]})
