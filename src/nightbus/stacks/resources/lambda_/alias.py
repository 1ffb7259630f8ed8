"""Implements AWS::Lambda::Alias."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.lambda_.provisioned_concurrency import PROPERTY, provision, provisioned
from nightbus.stacks.resources.live_values import function_as_declared
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.values import changed, selected_properties

_ALL = ("Description", "FunctionName", "FunctionVersion", "Name", "RoutingConfig")


class LambdaAlias:
    type_name = "AWS::Lambda::Alias"
    properties = frozenset({*_ALL, PROPERTY})
    required = frozenset({"FunctionName", "FunctionVersion", "Name"})
    replace_on = frozenset({"FunctionName", "Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties)
        try:
            alias = await ctx.operation("lambda", "CreateAlias", **request)
        except AwsError as error:
            if not is_there_already(error):
                raise
            # Aliases have no tags. One that is exactly as in the template was made before a crash.
            alias = await ctx.operation(
                "lambda", "GetAlias", FunctionName=request["FunctionName"], Name=request["Name"]
            )
            if alias["FunctionVersion"] != request["FunctionVersion"]:
                raise
        async with undone_on_failure(self.delete(alias["AliasArn"], properties, ctx)):
            if properties.get(PROPERTY):
                await provision(request["FunctionName"], request["Name"], properties, ctx)
        return _resource(alias)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        request = {"Description": "", "RoutingConfig": {"AdditionalVersionWeights": {}}, **_request(new)}
        alias = await ctx.operation("lambda", "UpdateAlias", **request)
        if changed(old, new, PROPERTY) or new.get(PROPERTY):  # it follows the alias to another version
            await provision(request["FunctionName"], request["Name"], new, ctx)
        return _resource(alias)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        function, alias = physical_id.rsplit(":", 1)
        with ignore_missing():
            await ctx.operation("lambda", "DeleteAlias", FunctionName=function, Name=alias)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        function, name = physical_id.rsplit(":", 1)
        live = dict(await ctx.operation("lambda", "GetAlias", FunctionName=function, Name=name))
        weights = (live.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        if weights:
            shares = [{"FunctionVersion": one, "FunctionWeight": share} for one, share in weights.items()]
            live["RoutingConfig"] = {"AdditionalVersionWeights": shares}
        live["FunctionName"] = function_as_declared(properties.get("FunctionName"), function)
        return {**live, PROPERTY: await provisioned(function, name, ctx)}


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    request = selected_properties(properties, *_ALL, kinds={"FunctionVersion": str})
    if "RoutingConfig" in request:
        weights = request["RoutingConfig"].get("AdditionalVersionWeights", [])
        request["RoutingConfig"] = {
            "AdditionalVersionWeights": {
                str(one["FunctionVersion"]): float(one["FunctionWeight"]) for one in weights
            }
        }
    return request


def _resource(alias: Mapping[str, Any]) -> Resource:
    return Resource(alias["AliasArn"], {"AliasArn": alias["AliasArn"]})
