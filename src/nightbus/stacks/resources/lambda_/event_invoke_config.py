"""Implements AWS::Lambda::EventInvokeConfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.aws.support import takes_invocation_records
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone
from nightbus.stacks.resources.values import integer_value, selected_properties

_SETTINGS = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
_NUMBERS = {"MaximumEventAgeInSeconds": integer_value, "MaximumRetryAttempts": integer_value}


class LambdaEventInvokeConfig:
    type_name = "AWS::Lambda::EventInvokeConfig"
    properties = frozenset({*_SETTINGS, "FunctionName", "Qualifier"})
    required = frozenset({"FunctionName", "Qualifier"})
    replace_on = frozenset({"FunctionName", "Qualifier"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        config = properties.get("DestinationConfig")
        for outcome, setting in config.items() if isinstance(config, Mapping) else ():
            destination = setting.get("Destination") if isinstance(setting, Mapping) else None
            if isinstance(destination, str) and _is_elsewhere(destination, outcome):
                return f"the {outcome} destination {destination}"
        return None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties)
        await _refuse_foreign_config(request, ctx)
        return await _put(request, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(_request(new), ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        function, qualifier = physical_id.rsplit("|", 1)
        with ignore_missing():
            await ctx.operation(
                "lambda", "DeleteFunctionEventInvokeConfig", FunctionName=function, Qualifier=qualifier
            )

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        function, qualifier = physical_id.rsplit("|", 1)
        reference = {"FunctionName": function, "Qualifier": qualifier}
        live = await ctx.operation("lambda", "GetFunctionEventInvokeConfig", **reference)
        return {**live, **reference}


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    return selected_properties(properties, *_SETTINGS, "FunctionName", "Qualifier", kinds=_NUMBERS)


async def _refuse_foreign_config(request: Mapping[str, Any], ctx: ResourceContext) -> None:
    """Raise AwsError if there is another configuration, which Put would overwrite.

    Configurations have no tags; one with the same settings was made before a crash.
    """
    reference = {name: request[name] for name in ("FunctionName", "Qualifier")}
    try:
        existing = await ctx.inspect("lambda", "GetFunctionEventInvokeConfig", **reference)
    except AwsError as error:
        if is_gone(error):
            return
        raise
    if any(existing.get(name) != value for name, value in request.items() if name in _SETTINGS):
        raise exists_elsewhere(_physical_id(request))


async def _put(request: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    await ctx.operation("lambda", "PutFunctionEventInvokeConfig", **request)
    return Resource(_physical_id(request))


def _physical_id(request: Mapping[str, Any]) -> str:
    return f"{request['FunctionName']}|{request['Qualifier']}"


def _is_elsewhere(destination: str, outcome: str) -> bool:
    """Return whether the destination is of a service outside Nightbus. A text that is not an ARN is left to the
    service, which refuses it with AWS's text."""
    try:
        return not takes_invocation_records(Arn.parse(destination), outcome)
    except ValueError:
        return False
