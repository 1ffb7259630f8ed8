"""AWS::Lambda::EventInvokeConfig"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import chosen, whole_number

_SETTINGS = ("DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
_NUMBERS = {"MaximumEventAgeInSeconds": whole_number, "MaximumRetryAttempts": whole_number}


class LambdaEventInvokeConfig:
    type_name = "AWS::Lambda::EventInvokeConfig"
    properties = frozenset({*_SETTINGS, "FunctionName", "Qualifier"})
    required = frozenset({"FunctionName", "Qualifier"})
    replace_on = frozenset({"FunctionName", "Qualifier"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = chosen(properties, *_SETTINGS, "FunctionName", "Qualifier", kinds=_NUMBERS)
        await ctx.operation("lambda", "PutFunctionEventInvokeConfig", **request)
        return Resource(f"{request['FunctionName']}|{request['Qualifier']}")

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        function, qualifier = physical_id.rsplit("|", 1)
        with gone_is_fine():
            await ctx.operation(
                "lambda", "DeleteFunctionEventInvokeConfig", FunctionName=function, Qualifier=qualifier
            )
