"""Finds the resource type of a request, what it can do by its schema, and the resource of an identifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context, Platform
from nightbus.services.service_roles import check_role, working_in
from nightbus.stacks.interface import ResourceContext, ResourceType
from nightbus.stacks.live_state import split_identifier
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.schemas import resource_schemas

_NAME = "cc"  # generated names begin with it, as those of a stack begin with the stack's


def find_kind(type_name: str, action: str) -> ResourceType:
    """Return the type. Raises AwsError if there is none, or if its schema has no handler for the action."""
    handlers = resource_schemas().get(type_name, {}).get("handlers") or {}
    if type_name not in RESOURCE_TYPES:
        if type_name.startswith("AWS::"):
            raise _unsupported(type_name, action)
        raise AwsError("TypeNotFoundException", f"The type '{type_name}' cannot be found.")
    if (
        action not in handlers or "read" not in handlers
    ):  # what cannot be read cannot be found by its identifier
        raise _unsupported(type_name, action)
    return RESOURCE_TYPES[type_name]


def _unsupported(type_name: str, action: str) -> AwsError:
    text = f"Resource type {type_name} does not support {action.upper()} action"
    return AwsError("UnsupportedActionException", text)


def identified(type_name: str, identifier: str) -> dict[str, str]:
    """Return the identifier's values by property. Raises AwsError for a text that is not an identifier of the type."""
    try:
        return split_identifier(type_name, identifier)
    except (ValueError, KeyError, TypeError) as broken:
        raise AwsError("InvalidRequestException", f"Invalid identifier {identifier}") from broken


def resource_context(platform: Platform, call: Call, type_name: str) -> ResourceContext:
    """Return the context of a resource that no stack has: it gets no tags but its own."""
    logical_id = type_name.rpartition("::")[2]
    return ResourceContext(call, platform.operations, platform.clock, "", _NAME, logical_id)


async def context_of(ctx: Context, type_name: str, role: str | None) -> ResourceContext:
    """Return the context of what a request reads: in its role, or in the caller's name. Raises AwsError for a role that
    cannot be assumed."""
    if role:
        await check_role(ctx, role, "")
    return resource_context(ctx.platform, working_in(ctx, role or "", "").call, type_name)


def settable(kind: ResourceType, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that the type takes, without those that only its resources show."""
    return {name: value for name, value in properties.items() if name in kind.properties}


def not_found(type_name: str, identifier: str) -> AwsError:
    text = f"Resource of type '{type_name}' with identifier '{identifier}' was not found."
    return AwsError("ResourceNotFoundException", text)
