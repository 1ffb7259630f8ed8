"""Detects the drift of one resource: reads it, and compares it with the properties that its stack gave it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.drift.comparison import Difference, differences, value_text
from nightbus.stacks.drift.records import DELETED, IN_SYNC, MODIFIED, UNKNOWN, ResourceDrift
from nightbus.stacks.interface import ResourceContext, ResourceType
from nightbus.stacks.live_state import NotReadable, live_properties
from nightbus.stacks.records import StackResource
from nightbus.stacks.secrecy import MASKED_PROPERTIES, masked
from nightbus.stacks.templates.dynamic_references import has_reference
from nightbus.stacks.templates.parameters import MASK

log = logging.getLogger(__name__)


async def detect(
    kind: ResourceType, resource: StackResource, ctx: ResourceContext, hide: Callable[[Any], Any]
) -> ResourceDrift | None:
    """Return what differs; None for a type whose resources cannot be read. `hide` masks secrets in a value."""
    assert resource.current is not None  # who calls has checked
    expected = resource.current.properties
    result = ResourceDrift(
        resource.logical_id, resource.physical_id, resource.type, IN_SYNC, ctx.clock.now_ms(), resource.time
    )
    try:
        actual = await live_properties(kind, resource.physical_id, expected, ctx)
    except NotReadable:
        return None
    except AwsError as error:
        return replace(result, status=UNKNOWN, reason=error.message)
    result.expected = value_text(hide(masked(resource.type, expected)))
    if actual is None:
        return replace(result, status=DELETED)
    actual = _of_the_template(actual, expected, ctx.tags)
    found = [_masked(resource.type, one) for one in differences(resource.type, expected, actual)]
    result.differences = [
        replace(one, expected=hide(one.expected), actual=hide(one.actual)).reply() for one in found
    ]
    result.actual = value_text(hide(masked(resource.type, _without_references(actual, expected))))
    return replace(result, status=MODIFIED) if found else result


def _of_the_template(
    actual: Mapping[str, Any], expected: Mapping[str, Any], stack_tags: Mapping[str, str]
) -> dict[str, Any]:
    """Return the live properties that the template sets. Tags that the resource has of its stack are left out."""
    shown = {name: value for name, value in actual.items() if name in expected}
    tags = shown.get("Tags")
    if isinstance(tags, list):
        own = {tag.get("Key") for tag in expected["Tags"]}
        inherited = [{"Key": key, "Value": value} for key, value in stack_tags.items() if key not in own]
        shown["Tags"] = [tag for tag in tags if tag not in inherited]
    elif isinstance(tags, Mapping):
        shown["Tags"] = {
            key: value
            for key, value in tags.items()
            if key in expected["Tags"] or stack_tags.get(key) != value
        }
    return shown


def _without_references(actual: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return the live properties with the dynamic references that the template has, which may stand for secrets."""
    return {
        name: expected[name] if has_reference(expected.get(name)) else value for name, value in actual.items()
    }


def _masked(type_name: str, difference: Difference) -> Difference:
    if difference.path[0] != MASKED_PROPERTIES.get(type_name):
        return difference
    return replace(difference, expected=MASK, actual=MASK)
