"""Implements AWS::Lambda::Url."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import boolean, integer_value, selected_properties

_SETTINGS = ("AuthType", "Cors", "InvokeMode")
_CORS = ("AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigins", "ExposeHeaders", "MaxAge")


class LambdaUrl:
    type_name = "AWS::Lambda::Url"
    properties = frozenset({*_SETTINGS, "Qualifier", "TargetFunctionArn"})
    required = frozenset({"AuthType", "TargetFunctionArn"})
    replace_on = frozenset({"Qualifier", "TargetFunctionArn"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        target = _target(properties)
        try:
            url = await ctx.operation("lambda", "CreateFunctionUrlConfig", **target, **_settings(properties))
        except AwsError as error:
            if not is_there_already(error):
                raise
            # URLs have no tags. One that is exactly as in the template was made before a crash.
            url = await ctx.operation("lambda", "GetFunctionUrlConfig", **target)
            if any(url.get(key, default) != value for key, default, value in _expected(properties)):
                raise
        return _resource(url)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        request = {"Cors": {}, "InvokeMode": "BUFFERED", **_settings(new)}
        return _resource(await ctx.operation("lambda", "UpdateFunctionUrlConfig", **_target(new), **request))

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("lambda", "DeleteFunctionUrlConfig", **_target(properties))

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = dict(await ctx.operation("lambda", "GetFunctionUrlConfig", FunctionName=physical_id))
        target = {"TargetFunctionArn": properties.get("TargetFunctionArn") or physical_id}
        return {**live, **target, **selected_properties(properties, "Qualifier")}


def _target(properties: Mapping[str, Any]) -> dict[str, Any]:
    target = {"FunctionName": properties["TargetFunctionArn"]}
    return target | selected_properties(properties, "Qualifier")


def _settings(properties: Mapping[str, Any]) -> dict[str, Any]:
    request = selected_properties(properties, *_SETTINGS)
    if "Cors" in request:
        kinds = {"AllowCredentials": boolean, "MaxAge": integer_value}
        request["Cors"] = selected_properties(request["Cors"], *_CORS, kinds=kinds)
    return request


def _expected(properties: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    wanted = {"Cors": {}, "InvokeMode": "BUFFERED", **_settings(properties)}
    return [(key, {} if key == "Cors" else None, value) for key, value in wanted.items()]


def _resource(url: Mapping[str, Any]) -> Resource:
    attributes = {"FunctionArn": url["FunctionArn"], "FunctionUrl": url["FunctionUrl"]}
    return Resource(url["FunctionArn"], attributes)
