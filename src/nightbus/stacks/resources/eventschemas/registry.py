"""Implements AWS::EventSchemas::Registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn, last_part
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.eventschemas.tagging import retag
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import selected_properties

_LONGEST_NAME = 64


class EventSchemasRegistry:
    """Its physical id is its ARN."""

    type_name = "AWS::EventSchemas::Registry"
    properties = frozenset({"Description", "RegistryName", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"RegistryName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        name = properties.get("RegistryName") or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        return arn("schemas", ctx.call.scope.region, ctx.call.scope.account, f"registry/{name}")

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, "Description")
        registry = last_part(str(name))
        try:
            await ctx.operation(
                "schemas", "CreateRegistry", RegistryName=registry, Tags=all_tags(properties, ctx), **request
            )
        except AwsError as error:
            if error.code != "ConflictException":
                raise
            tags = await ctx.inspect("schemas", "ListTagsForResource", ResourceArn=str(name))
            if not belongs_to_resource(tags["Tags"], ctx):
                raise
        return _resource(str(name))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await ctx.operation(
            "schemas",
            "UpdateRegistry",
            RegistryName=last_part(physical_id),
            Description=str(new.get("Description") or ""),
        )
        await retag(physical_id, new, ctx)
        return _resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("schemas", "DeleteRegistry", RegistryName=last_part(physical_id))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        found = await ctx.operation("schemas", "DescribeRegistry", RegistryName=last_part(physical_id))
        return {
            "RegistryArn": found["RegistryArn"],
            "RegistryName": found["RegistryName"],
            "Description": found.get("Description") or None,
            "Tags": own_tags(found["Tags"]),
        }


def _resource(registry_arn: str) -> Resource:
    return Resource(registry_arn, {"RegistryArn": registry_arn, "RegistryName": last_part(registry_arn)})
