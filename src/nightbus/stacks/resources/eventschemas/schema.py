"""Implements AWS::EventSchemas::Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.eventschemas.tagging import retag
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import changed, document_text, selected_properties, written_time

_LONGEST_NAME = 255


class EventSchemasSchema:
    """Its physical id is its ARN."""

    type_name = "AWS::EventSchemas::Schema"
    properties = frozenset({"Content", "Description", "RegistryName", "SchemaName", "Tags", "Type"})
    required = frozenset({"Content", "RegistryName", "Type"})
    replace_on = frozenset({"RegistryName", "SchemaName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        name = properties.get("SchemaName") or generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        scope = ctx.call.scope
        return arn("schemas", scope.region, scope.account, f"schema/{properties['RegistryName']}/{name}")

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {**_names(str(name)), **selected_properties(properties, "Description", "Type")}
        request["Content"] = document_text(properties["Content"])
        try:
            await ctx.operation("schemas", "CreateSchema", Tags=all_tags(properties, ctx), **request)
        except AwsError as error:
            if error.code != "ConflictException":
                raise
            tags = await ctx.inspect("schemas", "ListTagsForResource", ResourceArn=str(name))
            if not belongs_to_resource(tags["Tags"], ctx):
                raise
        return await _resource(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        request = {**_names(physical_id), "Description": str(new.get("Description") or "")}
        if changed(old, new, "Content", "Type"):
            request |= {"Content": document_text(new["Content"]), "Type": new["Type"]}
        try:
            await ctx.operation("schemas", "UpdateSchema", **request)
        except AwsError as error:  # a second time after a crash
            if error.code != "ConflictException":
                raise
        await retag(physical_id, new, ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("schemas", "DeleteSchema", **_names(physical_id))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        found = await ctx.operation("schemas", "DescribeSchema", **_names(physical_id))
        return {
            **_attributes(found),
            **_names(physical_id),
            "Content": found["Content"],
            "Description": found.get("Description") or None,
            "Type": found["Type"],
            "Tags": own_tags(found["Tags"]),
        }


def _names(schema_arn: str) -> dict[str, str]:
    _, registry, name = schema_arn.split("/", 2)
    return {"RegistryName": registry, "SchemaName": name}


def _attributes(found: Mapping[str, Any]) -> dict[str, str]:
    return {
        "LastModified": written_time(found["LastModified"]),
        "SchemaArn": found["SchemaArn"],
        "SchemaName": found["SchemaName"],
        "SchemaVersion": found["SchemaVersion"],
        "VersionCreatedDate": written_time(found["VersionCreatedDate"]),
    }


async def _resource(schema_arn: str, ctx: ResourceContext) -> Resource:
    found = await ctx.inspect("schemas", "DescribeSchema", **_names(schema_arn))
    return Resource(schema_arn, _attributes(found))
