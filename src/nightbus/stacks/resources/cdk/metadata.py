"""Implements AWS::CDK::Metadata, which the CDK writes into every template to tell AWS which constructs are in use.

It has no effect, as on AWS: `Analytics` stays in the stack's template and is sent nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.stacks.interface import Resource, ResourceContext


class CdkMetadata:
    type_name = "AWS::CDK::Metadata"
    properties = frozenset({"Analytics"})
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        return Resource(new_uuid())

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return Resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        """Do nothing, because there is nothing but the id."""
