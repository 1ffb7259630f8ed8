"""Makes a resource's tags, and tells by its tags whether a resource belongs to this stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.values import text

_STACK_ID = "aws:cloudformation:stack-id"
_LOGICAL_ID = "aws:cloudformation:logical-id"


def all_tags(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, str]:
    """The stack's, and over them the resource's own (a list of Key and Value, or a map)."""
    own = properties.get("Tags") or {}
    given = own if isinstance(own, Mapping) else {tag["Key"]: tag["Value"] for tag in own}
    ours = {
        "aws:cloudformation:stack-name": ctx.stack_name,
        _STACK_ID: ctx.stack_id,
        _LOGICAL_ID: ctx.logical_id,
    }
    return {**ctx.tags, **{str(key): text(value) for key, value in given.items()}, **ours}


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def is_ours(tags: Mapping[str, str], ctx: ResourceContext) -> bool:
    """Made by this very resource of this stack, so that a second `create` after a crash may go on with it."""
    return tags.get(_STACK_ID) == ctx.stack_id and tags.get(_LOGICAL_ID) == ctx.logical_id


def as_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
