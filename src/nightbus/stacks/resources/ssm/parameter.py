"""Implements AWS::SSM::Parameter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import changed, selected_properties, text

_LONGEST_NAME = 900
_SETTINGS = ("AllowedPattern", "DataType", "Description", "Policies", "Tier", "Type", "Value")
_WITHOUT = {  # the values of properties that a template no longer has
    "AllowedPattern": "",
    "Description": "",
    "Policies": "[{}]",
}


class SsmParameter:
    type_name = "AWS::SSM::Parameter"
    properties = frozenset({*_SETTINGS, "Name", "Tags"})
    required = frozenset({"Type", "Value"})
    replace_on = frozenset({"Name"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        kind = properties.get("DataType", "text")
        return "DataType aws:ec2:image" if kind == "aws:ec2:image" else None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        name = properties.get("Name")
        if name:
            return str(name)
        prefix = "CFN-"  # CloudFormation's own names begin so, since a name may not begin with "ssm" or "aws"
        return prefix + generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties)
        try:
            await ctx.operation(
                "ssm", "PutParameter", Name=name, Tags=as_list(all_tags(properties, ctx)), **request
            )
        except AwsError as error:
            if not is_there_already(error) or not belongs_to_resource(await _tags(str(name), ctx), ctx):
                raise
            await ctx.operation("ssm", "PutParameter", Name=name, Overwrite=True, **request)
        return _resource(str(name), properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, *_SETTINGS):
            removed = {name: value for name, value in _WITHOUT.items() if old.get(name) and not new.get(name)}
            request = {**removed, **_request(new)}
            await ctx.operation("ssm", "PutParameter", Name=physical_id, Overwrite=True, **request)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        return _resource(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("ssm", "DeleteParameter", Name=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        # The rest is write-only in the schema: AWS does not show it either.
        live = (await ctx.operation("ssm", "GetParameter", Name=physical_id))["Parameter"]
        return {**live, "Name": physical_id, "Tags": await _tags_as_declared(physical_id, ctx)}


def _request(properties: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(value) for name, value in selected_properties(properties, *_SETTINGS).items()}


async def _tags(name: str, ctx: ResourceContext) -> dict[str, str]:
    reply = await ctx.inspect("ssm", "ListTagsForResource", ResourceType="Parameter", ResourceId=name)
    return tag_map(reply["TagList"])


async def _retag(name: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    which = {"ResourceType": "Parameter", "ResourceId": name}
    existing = await _tags(name, ctx)
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("ssm", "RemoveTagsFromResource", TagKeys=surplus, **which)
    if existing != dict(tags):
        await ctx.operation("ssm", "AddTagsToResource", Tags=as_list(tags), **which)


def _resource(name: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    scope = ctx.call.scope
    parameter_arn = arn("ssm", scope.region, scope.account, f"parameter/{name.removeprefix('/')}")
    attributes = {"Arn": parameter_arn, "Type": properties["Type"], "Value": text(properties["Value"])}
    return Resource(name, attributes)


async def _tags_as_declared(name: str, ctx: ResourceContext) -> dict[str, str]:
    """Return the tags as the type has them, as a map."""
    reply = await ctx.operation("ssm", "ListTagsForResource", ResourceType="Parameter", ResourceId=name)
    return {tag["Key"]: tag["Value"] for tag in own_tags(tag_map(reply["TagList"]))}
