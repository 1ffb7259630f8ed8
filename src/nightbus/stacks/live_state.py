"""Reads a resource as it is now, in the form of its schema: for drift, the Cloud Control API and imports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import HasIdentifier, ReadsState, ResourceContext, ResourceType
from nightbus.stacks.resources.live_values import json_value
from nightbus.stacks.resources.outcomes import is_gone
from nightbus.stacks.schemas import primary_identifier, resolved, resource_schemas

_EMPTY: tuple[Any, ...] = (None, "", [], {})


class NotReadable(Exception):
    """The type has nothing that could be read, such as AWS::CDK::Metadata."""


async def live_properties(
    kind: ResourceType, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
) -> dict[str, Any] | None:
    """Return the resource's properties as they are now, None if it is not there. Empty ones are left out.

    Raises NotReadable, and AwsError where the service refuses to show the resource.
    """
    if not isinstance(kind, ReadsState):
        raise NotReadable(kind.type_name)
    try:
        live = await kind.read(physical_id, properties, ctx)
    except AwsError as error:
        if is_gone(error) or error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return None if live is None else in_schema_form(kind.type_name, live)


def in_schema_form(type_name: str, live: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that the schema has, each in the type that the schema says."""
    declared = resource_schemas().get(type_name, {}).get("properties", {})
    return {
        name: _shaped(type_name, declared[name], live[name])
        for name in sorted(declared)
        if name in live and live[name] not in _EMPTY
    }


def _shaped(type_name: str, schema: Mapping[str, Any], value: Any) -> Any:
    kind = resolved(type_name, schema).get("type", "object")
    if not isinstance(value, str):
        return value
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind in ("integer", "number"):
        return _number(value)
    return value if kind == "string" else json_value(value)


def _number(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def identifier_of(type_name: str, live: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the type's primary identifier by property, of properties that `live_properties` gave."""
    return {name: str(live[name]) for name in primary_identifier(type_name) if name in live}


def joined_identifier(identifier: Mapping[str, str]) -> str:
    return "|".join(identifier.values())


def split_identifier(type_name: str, text: str) -> dict[str, str]:
    """Return an identifier's values by property: of a JSON object, or of a text in which `|` joins them.

    Raises ValueError for another text.
    """
    names = primary_identifier(type_name)
    if text.startswith("{"):
        given = json.loads(text)
        return {name: str(given[name]) for name in names}
    values = text.split("|", len(names) - 1) if names else []
    if not names or len(values) != len(names):
        raise ValueError(text)
    return dict(zip(names, values, strict=True))


def physical_id_of(kind: ResourceType, identifier: Mapping[str, str]) -> str:
    if isinstance(kind, HasIdentifier):
        return kind.physical_id_of(identifier)
    return joined_identifier(identifier)


async def identified_properties(
    kind: ResourceType, identifier: Mapping[str, str], ctx: ResourceContext
) -> dict[str, Any] | None:
    """Return the properties of the resource of the identifier as they are now; None if it is not there.

    An identifier comes from a client: one that is not of the type's form names no resource.
    """
    known = identifier if isinstance(kind, HasIdentifier) else {}
    try:
        return await live_properties(kind, physical_id_of(kind, identifier), known, ctx)
    except (ValueError, LookupError):
        return None
