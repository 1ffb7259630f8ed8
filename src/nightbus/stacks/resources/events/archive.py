"""Implements AWS::Events::Archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already
from nightbus.stacks.resources.values import document_text, integer_value, selected_properties

_LONGEST_NAME = 48
_SETTINGS = ("Description", "EventPattern", "KmsKeyIdentifier", "RetentionDays")
_KINDS = {"EventPattern": document_text, "RetentionDays": integer_value}


class EventsArchive:
    type_name = "AWS::Events::Archive"
    properties = frozenset({*_SETTINGS, "ArchiveName", "SourceArn"})
    required = frozenset({"SourceArn"})
    replace_on = frozenset({"ArchiveName", "SourceArn"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("ArchiveName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {
            "EventSourceArn": properties["SourceArn"],
            **selected_properties(properties, *_SETTINGS, kinds=_KINDS),
        }
        try:
            await ctx.operation("events", "CreateArchive", ArchiveName=name, **request)
        except AwsError as error:
            if not is_there_already(error) or not await _is_identical(str(name), request, ctx):
                raise
        return await _described(str(name), ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        # A property that the template no longer has is set to its default, because UpdateArchive would keep its value.
        request = {"Description": "", "EventPattern": "", "KmsKeyIdentifier": "", "RetentionDays": 0}
        request |= selected_properties(new, *_SETTINGS, kinds=_KINDS)
        await ctx.operation("events", "UpdateArchive", ArchiveName=physical_id, **request)
        return await _described(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("events", "DeleteArchive", ArchiveName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("events", "DescribeArchive", ArchiveName=physical_id)
        attributes = (await _described(physical_id, ctx)).attributes
        return {**live, **attributes, "SourceArn": live["EventSourceArn"]}


async def _is_identical(name: str, request: Mapping[str, Any], ctx: ResourceContext) -> bool:
    """Return whether the existing archive has these settings, so that it was made before a crash.

    Archives have no tags by which the stack could recognize its own.
    """
    existing = await ctx.operation("events", "DescribeArchive", ArchiveName=name)
    return all((existing.get(key) or None) == (value or None) for key, value in request.items())


async def _described(name: str, ctx: ResourceContext) -> Resource:
    reply = await ctx.operation("events", "DescribeArchive", ArchiveName=name)
    return Resource(name, {"Arn": reply["ArchiveArn"], "ArchiveName": name})
