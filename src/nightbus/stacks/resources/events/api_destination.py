"""Implements AWS::Events::ApiDestination."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import integer_value, selected_properties

_LONGEST_NAME = 64
_REQUIRED = ("ConnectionArn", "HttpMethod", "InvocationEndpoint")
_SETTINGS = (*_REQUIRED, "Description", "InvocationRateLimitPerSecond")
_WITHOUT = {"Description": "", "InvocationRateLimitPerSecond": 300}


class EventsApiDestination:
    type_name = "AWS::Events::ApiDestination"
    properties = frozenset({*_SETTINGS, "Name"})
    required = frozenset(_REQUIRED)
    replace_on = frozenset({"Name"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("Name")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = _request(properties)
        try:
            await ctx.operation("events", "CreateApiDestination", Name=name, **request)
        except AwsError as error:
            if not is_there_already(error) or not await _is_identical(str(name), request, ctx):
                raise
        return await _described(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await ctx.operation(
            "events", "UpdateApiDestination", Name=physical_id, **{**_WITHOUT, **_request(new)}
        )
        return await _described(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("events", "DeleteApiDestination", Name=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("events", "DescribeApiDestination", Name=physical_id)
        attributes = (await _described(physical_id, ctx)).attributes
        return {**live, **attributes, "Name": physical_id}


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    return selected_properties(properties, *_SETTINGS, kinds={"InvocationRateLimitPerSecond": integer_value})


async def _is_identical(name: str, request: Mapping[str, Any], ctx: ResourceContext) -> bool:
    """Return whether the existing API destination has these settings, so that it was made before a crash.

    API destinations have no tags by which the stack could recognize its own.
    """
    existing = await ctx.operation("events", "DescribeApiDestination", Name=name)
    desired = {**_WITHOUT, **request}
    return all((existing.get(key) or None) == (desired.get(key) or None) for key in _SETTINGS)


async def _described(name: str, ctx: ResourceContext) -> Resource:
    reply = await ctx.operation("events", "DescribeApiDestination", Name=name)
    arn = reply["ApiDestinationArn"]
    return Resource(name, {"Arn": arn, "ArnForPolicy": arn.rpartition("/")[0]})
