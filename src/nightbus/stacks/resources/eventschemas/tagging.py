"""Brings the tags of a registry or a schema to what a template says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.tags import all_tags


async def retag(arn: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    wanted = all_tags(properties, ctx)
    present = (await ctx.inspect("schemas", "ListTagsForResource", ResourceArn=arn))["Tags"]
    surplus = sorted(set(present) - set(wanted))
    if surplus:
        await ctx.operation("schemas", "UntagResource", ResourceArn=arn, TagKeys=surplus)
    if present != wanted:
        await ctx.operation("schemas", "TagResource", ResourceArn=arn, Tags=wanted)
