"""Implements AWS::Lambda::EventSourceMapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.support import EVENT_SOURCES
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import function_as_declared
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import boolean, converted, integer_value, selected_properties

_NUMBERS = ("BatchSize", "MaximumBatchingWindowInSeconds")
_WITHOUT: dict[str, Any] = {  # the values of settings that the template does not have
    "BatchSize": 10,
    "Enabled": True,
    "FilterCriteria": {},
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "ScalingConfig": {},
}


class LambdaEventSourceMapping:
    type_name = "AWS::Lambda::EventSourceMapping"
    properties = frozenset({*_WITHOUT, "EventSourceArn", "FunctionName", "KmsKeyArn", "Tags"})
    required = frozenset({"EventSourceArn", "FunctionName"})
    replace_on = frozenset({"EventSourceArn"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        source = properties.get("EventSourceArn")
        if not isinstance(source, str) or not source.startswith("arn:") or source.startswith(EVENT_SOURCES):
            return None
        return f"EventSourceArn {source}"

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {"EventSourceArn": properties["EventSourceArn"], **_request(properties)}
        try:
            reply = await ctx.operation(
                "lambda", "CreateEventSourceMapping", **request, Tags=all_tags(properties, ctx)
            )
        except AwsError as error:
            existing = await _ours(request, ctx) if is_there_already(error) else None
            if existing is None:
                raise
            reply = existing
        return _resource(reply)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        settings = {**_WITHOUT, "KMSKeyArn": "", **_request(new)}
        reply = await ctx.operation("lambda", "UpdateEventSourceMapping", UUID=physical_id, **settings)
        await _retag(reply["EventSourceMappingArn"], all_tags(new, ctx), ctx)
        return _resource(reply)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("lambda", "DeleteEventSourceMapping", UUID=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = dict(await ctx.operation("lambda", "GetEventSourceMapping", UUID=physical_id))
        tags = await ctx.operation("lambda", "ListTags", Resource=live["EventSourceMappingArn"])
        live |= {
            "Enabled": live["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
            "FunctionName": function_as_declared(properties.get("FunctionName"), live["FunctionArn"]),
            "Id": physical_id,
            "KmsKeyArn": live.get("KMSKeyArn"),
            "Tags": own_tags(tags["Tags"]),
        }
        return live


def _request(properties: Mapping[str, Any]) -> dict[str, Any]:
    kinds = {**dict.fromkeys(_NUMBERS, integer_value), "Enabled": boolean, "ScalingConfig": _scaling}
    key = {"KMSKeyArn": properties["KmsKeyArn"]} if properties.get("KmsKeyArn") else {}
    return selected_properties(properties, *_WITHOUT, "FunctionName", kinds=kinds) | key


def _scaling(value: Mapping[str, Any]) -> dict[str, int]:
    return {name: converted(name, number, integer_value) for name, number in value.items()}


async def _ours(request: Mapping[str, Any], ctx: ResourceContext) -> dict[str, Any] | None:
    """Return the mapping that this resource made before a crash, None if there is none."""
    reference = {name: request[name] for name in ("EventSourceArn", "FunctionName")}
    listed = await ctx.inspect("lambda", "ListEventSourceMappings", **reference)
    for mapping in listed["EventSourceMappings"]:
        candidate: dict[str, Any] = mapping
        tags = await ctx.inspect("lambda", "ListTags", Resource=candidate["EventSourceMappingArn"])
        if belongs_to_resource(tags["Tags"], ctx):
            return candidate
    return None


async def _retag(arn: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = (await ctx.inspect("lambda", "ListTags", Resource=arn))["Tags"]
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("lambda", "UntagResource", Resource=arn, TagKeys=surplus)
    await ctx.operation("lambda", "TagResource", Resource=arn, Tags=dict(tags))


def _resource(mapping: Mapping[str, Any]) -> Resource:
    uuid = mapping["UUID"]
    return Resource(uuid, {"Id": uuid, "EventSourceMappingArn": mapping["EventSourceMappingArn"]})
