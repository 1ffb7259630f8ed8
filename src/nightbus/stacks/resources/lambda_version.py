"""AWS::Lambda::Version"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import chosen

_ALL = ("CodeSha256", "Description", "FunctionName")


class LambdaVersion:
    type_name = "AWS::Lambda::Version"
    properties = frozenset(_ALL)
    required = frozenset({"FunctionName"})
    replace_on = frozenset(_ALL)

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Publishing the same code again gives the same version, so that a crash leaves no second one."""
        made = await ctx.operation("lambda", "PublishVersion", **chosen(properties, *_ALL))
        arn, version = str(made["FunctionArn"]), str(made["Version"])
        if not arn.endswith(f":{version}"):
            arn = f"{arn}:{version}"
        return Resource(arn, {"Version": version, "FunctionArn": arn})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id, {"Version": physical_id.rsplit(":", 1)[1], "FunctionArn": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        function, version = physical_id.rsplit(":", 1)
        with gone_is_fine():
            await ctx.operation("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)
