"""Implements AWS::Lambda::Version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.lambda_.function import stabilized
from nightbus.stacks.resources.lambda_.provisioned_concurrency import PROPERTY, provision, provisioned
from nightbus.stacks.resources.live_values import function_as_declared
from nightbus.stacks.resources.outcomes import ignore_missing, undone_on_failure
from nightbus.stacks.resources.values import selected_properties

_ALL = ("CodeSha256", "Description", "FunctionName")


class LambdaVersion:
    type_name = "AWS::Lambda::Version"
    properties = frozenset({*_ALL, PROPERTY, "RuntimePolicy"})
    required = frozenset({"FunctionName"})
    replace_on = properties

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Publish a version. Publishing the same code again returns the same version, so a crash leaves no second
        one."""
        reply = await ctx.operation("lambda", "PublishVersion", **selected_properties(properties, *_ALL))
        arn, version = str(reply["FunctionArn"]), str(reply["Version"])
        if not arn.endswith(f":{version}"):
            arn = f"{arn}:{version}"
        await stabilized(arn, ctx, "GetFunctionConfiguration")
        policy, function = properties.get("RuntimePolicy"), arn.removesuffix(f":{version}")
        if policy:
            await ctx.operation("lambda", "PutRuntimeManagementConfig", FunctionName=arn, **policy)
        if properties.get(PROPERTY):
            async with undone_on_failure(provision(function, version, {}, ctx)):
                await provision(function, version, properties, ctx)
        return Resource(arn, {"Version": version, "FunctionArn": arn})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id, {"Version": physical_id.rsplit(":", 1)[1], "FunctionArn": physical_id})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        function, version = physical_id.rsplit(":", 1)
        with ignore_missing():
            await ctx.operation("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        function, version = physical_id.rsplit(":", 1)
        live = dict(await ctx.operation("lambda", "GetFunctionConfiguration", FunctionName=physical_id))
        live["FunctionName"] = function_as_declared(properties.get("FunctionName"), function)
        return {**live, "Version": version, PROPERTY: await provisioned(function, version, ctx)}
