"""Implements AWS::IAM::ServiceLinkedRole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import changed, selected_properties


class IamServiceLinkedRole:
    type_name = "AWS::IAM::ServiceLinkedRole"
    properties = frozenset({"AWSServiceName", "CustomSuffix", "Description"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"AWSServiceName", "CustomSuffix"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        """The service names its role."""
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, "AWSServiceName", "CustomSuffix", "Description")
        role = (await ctx.operation("iam", "CreateServiceLinkedRole", **request))["Role"]
        return Resource(role["RoleName"], {"RoleName": role["RoleName"]})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "Description"):
            description = new.get("Description") or ""
            await ctx.operation("iam", "UpdateRole", RoleName=physical_id, Description=description)
        return Resource(physical_id, {"RoleName": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("iam", "DeleteServiceLinkedRole", RoleName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        role = (await ctx.operation("iam", "GetRole", RoleName=physical_id))["Role"]
        return {**selected_properties(properties, "AWSServiceName", "CustomSuffix"), **role}
