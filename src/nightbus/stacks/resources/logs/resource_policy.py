"""Implements AWS::Logs::ResourcePolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing
from nightbus.stacks.resources.values import document_text


class LogsResourcePolicy:
    type_name = "AWS::Logs::ResourcePolicy"
    properties = frozenset({"PolicyDocument", "PolicyName"})
    required = frozenset({"PolicyDocument", "PolicyName"})
    replace_on = frozenset({"PolicyName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return str(properties["PolicyName"])

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _refuse_foreign_policy(str(name), properties, ctx)
        return await _put(str(name), properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("logs", "DeleteResourcePolicy", policyName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        listed = (await ctx.operation("logs", "DescribeResourcePolicies"))["resourcePolicies"]
        policy = next((one["policyDocument"] for one in listed if one["policyName"] == physical_id), None)
        return None if policy is None else {"PolicyName": physical_id, "PolicyDocument": policy}


async def _refuse_foreign_policy(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Raise AwsError if there is another policy of the name, which Put would overwrite.

    Policies have no tags; an equal one was made before a crash.
    """
    existing = (await ctx.operation("logs", "DescribeResourcePolicies"))["resourcePolicies"]
    policy = document_text(properties["PolicyDocument"])
    if any(one["policyName"] == name and one["policyDocument"] != policy for one in existing):
        raise exists_elsewhere(f"The resource policy {name}")


async def _put(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    policy = document_text(properties["PolicyDocument"])
    await ctx.operation("logs", "PutResourcePolicy", policyName=name, policyDocument=policy)
    return Resource(name)
