"""Implements AWS::CloudFormation::WaitConditionHandle: a presigned URL to which signals are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.callbacks.signals import signalled_by
from nightbus.stacks.interface import Resource, ResourceContext, ResourceFailure
from nightbus.stacks.resources.names import generated_name


class WaitConditionHandle:
    type_name = "AWS::CloudFormation::WaitConditionHandle"
    properties: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, 128)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        if ctx.callbacks is None:
            raise ResourceFailure("Wait conditions are not available here.")
        return Resource(ctx.callbacks.signals.handle_url(ctx.stack_id, ctx.logical_id, str(name)))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Delete the signals; the URL is that of a handle that nothing waits for."""
        handle = signalled_by(physical_id)
        if handle is not None and ctx.callbacks is not None:
            await ctx.callbacks.signals.forget(handle)
