"""How do values of a shape look in a JSON body? Shared by the json and rest-json protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from nightbus.gateway.models import Shape
from nightbus.gateway.protocols.values import (
    encode_blob,
    format_timestamp,
    malformed,
    parse_blob,
    parse_timestamp,
)

_FOUND = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_WANTED = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "a Date",
    "blob": "a ByteBuffer",
}


def parse_body(shape: Shape, value: Any) -> Any:
    """Plain JSON as values of the shape. Raises AwsError SerializationException for a wrong type."""
    if value is None or shape.is_document:
        return value
    kind = shape.type
    if kind == "structure":
        return _structure(shape, value)
    if kind == "list":
        if not isinstance(value, list):
            raise _wrong(value, "list")
        return [parse_body(shape.element, one) for one in value]
    if kind == "map":
        if not isinstance(value, dict):
            raise _wrong(value, "structure or map")
        return {key: parse_body(shape.value, one) for key, one in value.items()}
    return _scalar(shape, value)


def _structure(shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(value, "structure or map")
    found = {}
    for name, member in shape.members.items():
        if member.location is None:
            given = value.get(member.wire_name(name))
            if given is not None:
                found[name] = parse_body(member, given)
    return found


def _scalar(shape: Shape, value: Any) -> Any:
    kind = shape.type
    if isinstance(value, dict | list):
        what = "structure or map" if isinstance(value, dict) else "list"
        raise malformed(f"Start of {what} found where not expected.")
    if kind == "timestamp" and not isinstance(value, bool):
        return parse_timestamp(value)
    fits = (
        isinstance(value, str)
        if kind in ("string", "blob")
        else isinstance(value, bool)
        if kind == "boolean"
        else isinstance(value, int | float) and not isinstance(value, bool)
    )
    if not fits:
        found = "FALSE_VALUE" if value is False else _FOUND[type(value)]
        raise malformed(f"{found} can not be converted to {_WANTED.get(kind, kind)}")
    if kind == "blob":
        return parse_blob(value)
    if kind in ("integer", "long") and isinstance(value, float):
        if not value.is_integer():
            raise malformed(f"DECIMAL_VALUE can not be converted to {_WANTED[kind]}")
        return int(value)
    return value


def _wrong(value: Any, wanted: str) -> Exception:
    if isinstance(value, dict):
        return malformed("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return malformed("Start of list found where not expected.")
    return malformed(
        f"Unexpected {_FOUND.get(type(value), 'value')} where the start of a {wanted} was expected."
    )


def load(body: bytes, error: Exception) -> Any:
    try:
        return orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as broken:
        raise error from broken


def dump_body(shape: Shape, value: Any, timestamp_style: str = "unixTimestamp") -> Any:
    """Values of the shape as plain JSON; what is None is left out."""
    if value is None or shape.is_document:
        return value
    kind = shape.type
    if kind == "structure":
        return _dump_structure(shape, value, timestamp_style)
    if kind == "list":
        return [dump_body(shape.element, one, timestamp_style) for one in value]
    if kind == "map":
        return {key: dump_body(shape.value, one, timestamp_style) for key, one in value.items()}
    if kind == "timestamp":
        return format_timestamp(value, shape.traits.get("timestampFormat", timestamp_style))
    if kind == "blob":
        return encode_blob(value)
    return value


def _dump_structure(shape: Shape, value: Mapping[str, Any], timestamp_style: str) -> dict[str, Any]:
    members = shape.members
    found = {}
    for name, one in value.items():
        member = members.get(name)
        if member is not None and one is not None and member.location is None:
            found[member.wire_name(name)] = dump_body(member, one, timestamp_style)
    return found
