"""Implements AWS::CloudFormation::WaitCondition: waits for signals to a handle, or for those of its creation policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.stacks.callbacks.signals import signalled_by
from nightbus.stacks.interface import Resource, ResourceContext, ResourceFailure
from nightbus.stacks.reasons import CREATION_CANCELLED
from nightbus.stacks.resources.values import converted, integer_value

_LONGEST_SECONDS = 43_200


class CloudFormationWaitCondition:
    type_name = "AWS::CloudFormation::WaitCondition"
    properties = frozenset({"Count", "Handle", "Timeout"})
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return f"{ctx.stack_id}/{ctx.logical_id}/{new_uuid()[:8]}"

    def refused_update(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
        return None if old == new else f"Update to resource type {self.type_name} is not supported."

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        """Wait for the signals to the handle. Without one the engine waits, by the creation policy."""
        if ctx.callbacks is None:
            raise ResourceFailure("Wait conditions are not available here.")
        if "Handle" not in properties:
            return Resource(str(name), {"Data": "{}"})
        handle = signalled_by(str(properties["Handle"]))
        if handle is None:
            raise ResourceFailure("Invalid wait condition handle.")
        count = converted("Count", properties.get("Count", 1), integer_value)
        seconds = converted("Timeout", properties.get("Timeout", 0), integer_value)
        if not 0 < seconds <= _LONGEST_SECONDS:
            raise ResourceFailure("Timeout of a wait condition must be between 1 and 43200 seconds.")
        waiting = (ctx.logical_id, str(name).rsplit("/", 1)[-1])
        received_all = await ctx.callbacks.signals.wait(handle, waiting, count, seconds, ctx.is_cancelled)
        if received_all.failed:
            first = received_all.failed[0]
            raise ResourceFailure(
                f"WaitCondition received failed message: '{first.reason}' for uniqueId: {first.unique_id}"
            )
        if received_all.cancelled:
            raise ResourceFailure(CREATION_CANCELLED)
        if not received_all.complete:
            raise ResourceFailure(
                f"WaitCondition timed out. Received {len(received_all.signals)} conditions when expecting {count}"
            )
        return Resource(str(name), {"Data": received_all.data})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id, {})

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Do nothing, because there is nothing but the record of the wait."""
