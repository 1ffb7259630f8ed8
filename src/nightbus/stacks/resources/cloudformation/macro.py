"""Implements AWS::CloudFormation::Macro: a name under which templates call a function.

The stack's record of the resource is the macro itself: `services/cloudformation/macros.py` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere


class CloudFormationMacro:
    type_name = "AWS::CloudFormation::Macro"
    properties = frozenset({"Description", "FunctionName", "LogGroupName", "LogRoleARN", "Name"})
    required = frozenset({"FunctionName", "Name"})
    replace_on = frozenset({"Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties.get("Name", ""))

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        try:
            reply = await ctx.inspect(
                "cloudformation", "DescribeStackResources", PhysicalResourceId=str(name)
            )
        except AwsError as absent:
            if "does not exist" not in absent.message:
                raise
            return Resource(str(name))
        for one in reply["StackResources"]:
            owner = (one["StackId"], one["LogicalResourceId"])
            named = one["ResourceType"] == self.type_name and one.get("PhysicalResourceId") == name
            if named and owner != (ctx.stack_id, ctx.logical_id):
                raise exists_elsewhere(str(name))
        return Resource(str(name))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """The record that is the macro goes with the resource."""
