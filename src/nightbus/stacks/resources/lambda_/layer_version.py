"""Implements AWS::Lambda::LayerVersion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import is_arn
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import selected_properties

_ALL = ("CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo")
_LONGEST_NAME = 64


class LambdaLayerVersion:
    type_name = "AWS::Lambda::LayerVersion"
    properties = frozenset(_ALL)
    required = frozenset({"Content"})
    replace_on = frozenset(_ALL)

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("LayerName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {**selected_properties(properties, *_ALL), "LayerName": name}
        request["Content"] = selected_properties(request["Content"], "S3Bucket", "S3Key", "S3ObjectVersion")
        reply = await ctx.operation("lambda", "PublishLayerVersion", **request)
        return _resource(reply["LayerVersionArn"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return _resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        if not is_arn(physical_id):
            if not properties.get(
                "LayerName"
            ):  # a layer named in the template may have versions of other owners
                await _delete_all_versions(physical_id, ctx)
            return
        layer, version = physical_id.rsplit(":", 1)
        with ignore_missing():
            await ctx.operation("lambda", "DeleteLayerVersion", LayerName=layer, VersionNumber=int(version))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("lambda", "GetLayerVersionByArn", Arn=physical_id)
        name = physical_id.rsplit(":", 2)[1]
        return {**live, "LayerName": properties.get("LayerName") or name, "LayerVersionArn": physical_id}


async def _delete_all_versions(layer: str, ctx: ResourceContext) -> None:
    """Delete all versions of a layer with a generated name, whose creation was interrupted before the version was
    known."""
    listed = await ctx.operation("lambda", "ListLayerVersions", LayerName=layer)
    for one in listed["LayerVersions"]:
        await ctx.operation("lambda", "DeleteLayerVersion", LayerName=layer, VersionNumber=one["Version"])


def _resource(arn: str) -> Resource:
    return Resource(arn, {"LayerVersionArn": arn})
