"""Makes a resource's tags, and recognizes by its tags a resource that belongs to the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.values import text

_STACK_ID = "aws:cloudformation:stack-id"
_LOGICAL_ID = "aws:cloudformation:logical-id"


def all_tags(properties: Mapping[str, Any], ctx: ResourceContext) -> dict[str, str]:
    """Return the stack's tags, overwritten by the resource's own (a list of Key and Value, or a map)."""
    declared = properties.get("Tags") or {}
    by_key = declared if isinstance(declared, Mapping) else {tag["Key"]: tag["Value"] for tag in declared}
    return {
        **ctx.tags,
        **{str(key): text(value) for key, value in by_key.items()},
        **mark(ctx),
    }


def mark(ctx: ResourceContext) -> dict[str, str]:
    """Return the tags by which `belongs_to_resource` knows the resource; none for one that no stack makes."""
    if not ctx.stack_id:
        return {}
    return {
        "aws:cloudformation:stack-name": ctx.stack_name,
        _STACK_ID: ctx.stack_id,
        _LOGICAL_ID: ctx.logical_id,
    }


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def belongs_to_resource(tags: Mapping[str, str], ctx: ResourceContext) -> bool:
    """Return whether the tags are those of this resource of this stack, so that `create` after a crash may use it."""
    return (
        bool(ctx.stack_id) and tags.get(_STACK_ID) == ctx.stack_id and tags.get(_LOGICAL_ID) == ctx.logical_id
    )


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def own_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the tags as a property, without those that only AWS's services set."""
    return as_list({key: value for key, value in sorted(tags.items()) if not key.startswith("aws:")})
