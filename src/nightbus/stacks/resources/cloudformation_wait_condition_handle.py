"""Implements AWS::CloudFormation::WaitConditionHandle: a URL without anything behind it.

AWS::CloudFormation::WaitCondition, which would wait for a call of the URL, is refused as not supported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name


class CloudFormationWaitConditionHandle:
    type_name = "AWS::CloudFormation::WaitConditionHandle"
    properties: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, 128)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        region = ctx.call.scope.region
        host = f"cloudformation-waitcondition-{region}.s3.amazonaws.com"
        return Resource(f"https://{host}/{quote(ctx.stack_id, safe='')}/{name}")

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Do nothing, because there is nothing but the URL."""
