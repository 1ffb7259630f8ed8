"""Parses and serializes values of a shape in a JSON body, for the json and rest-json protocols."""

from __future__ import annotations

from collections.abc import Callable
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

Converter = Callable[[Any], Any]

_FOUND = {str: "STRING_VALUE", bool: "TRUE_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}
_WANTED = {
    "string": "a String",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "boolean": "a Boolean",
    "timestamp": "milliseconds since epoch",
    "blob": "a ByteBuffer",
}


def parse_body(shape: Shape, value: Any) -> Any:
    """Return the values of the shape from plain JSON. Raises AwsError SerializationException for a wrong type."""
    return _parser(shape)(value)


def _parser(shape: Shape) -> Converter:
    """Return the function that parses values of the shape. It is made once for each reference in the model, so that a
    request does not repeat the decisions."""
    parser = shape.compiled.get("parse")
    if parser is None:
        parser = shape.compiled["parse"] = _make_parser(shape)
    return parser


def _make_parser(shape: Shape) -> Converter:
    if shape.is_document:
        return lambda value: value
    kind = shape.type
    if kind == "structure":
        return _structure_parser(shape)
    if kind == "list":
        return _list_parser(shape)
    if kind == "map":
        return _map_parser(shape)
    if kind == "string":
        return lambda value: value if type(value) is str or value is None else _scalar(shape, value)
    return lambda value: None if value is None else _scalar(shape, value)


def _structure_parser(shape: Shape) -> Converter:
    # A structure may contain itself, so the parsers of its members are made at their first use.
    members = {
        member.wire_name(name): (name, member)
        for name, member in shape.members.items()
        if member.location is None
    }
    ready: dict[str, tuple[str, Converter]] = {}

    def parse(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong(value, "structure or map")
        parsed = {}
        for wire, item in value.items():
            if item is None:
                continue
            way = ready.get(wire)
            if way is None:
                if wire not in members:
                    continue
                name, member = members[wire]
                way = ready[wire] = (name, _parser(member))
            parsed[way[0]] = way[1](item)
        return parsed

    return parse


def _list_parser(shape: Shape) -> Converter:
    def parse(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list):
            raise _wrong(value, "list")
        return list(map(_parser(shape.element), value))

    return parse


def _map_parser(shape: Shape) -> Converter:
    def parse(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _wrong(value, "structure or map")
        one = _parser(shape.value)
        return {key: one(item) for key, item in value.items()}

    return parse


def _scalar(shape: Shape, value: Any) -> Any:
    kind = shape.type
    if isinstance(value, dict | list):
        what = "structure or map" if isinstance(value, dict) else "list"
        raise malformed(f"Start of {what} found where not expected.")
    as_text = kind == "timestamp" and shape.traits.get("timestampFormat", "unixTimestamp") != "unixTimestamp"
    fits = (
        isinstance(value, str)
        if as_text
        else isinstance(value, str)
        if kind in ("string", "blob")
        else isinstance(value, bool)
        if kind == "boolean"
        else isinstance(value, int | float) and not isinstance(value, bool)
    )
    if not fits:
        actual = "FALSE_VALUE" if value is False else _FOUND[type(value)]
        raise malformed(f"{actual} can not be converted to {_WANTED.get(kind, kind)}")
    if kind == "timestamp":
        return parse_timestamp(value)
    if kind == "blob":
        return parse_blob(value)
    if kind in ("integer", "long") and isinstance(value, float):
        if not value.is_integer():
            raise malformed(f"DECIMAL_VALUE can not be converted to {_WANTED[kind]}")
        return int(value)
    return value


def _wrong(value: Any, expected: str) -> Exception:
    if isinstance(value, dict):
        return malformed("Start of structure or map found where not expected.")
    if isinstance(value, list):
        return malformed("Start of list found where not expected.")
    return malformed(
        f"Unexpected {_FOUND.get(type(value), 'value')} where the start of a {expected} was expected."
    )


def load(body: bytes, error: Exception) -> Any:
    """Return the JSON value of a body. No body and null count as an empty object. Raises `error` for invalid JSON."""
    try:
        value = orjson.loads(body) if body.strip() else None
    except orjson.JSONDecodeError as broken:
        raise error from broken
    return {} if value is None else value


def dump_body(shape: Shape, value: Any, timestamp_style: str = "unixTimestamp") -> Any:
    """Return values of the shape as plain JSON, without members that are None."""
    return _dumper(shape, timestamp_style)(value)


def _dumper(shape: Shape, style: str) -> Converter:
    key = f"dump {style}"
    dumper = shape.compiled.get(key)
    if dumper is None:
        dumper = shape.compiled[key] = _make_dumper(shape, style)
    return dumper


def _make_dumper(shape: Shape, style: str) -> Converter:
    if shape.is_document:
        return _same
    kind = shape.type
    if kind == "structure":
        return _structure_dumper(shape, style)
    if kind == "list":
        return lambda value: None if value is None else list(map(_dumper(shape.element, style), value))
    if kind == "map":
        return lambda value: (
            None if value is None else {key: _dumper(shape.value, style)(one) for key, one in value.items()}
        )
    if kind == "timestamp":
        timestamp_format = shape.traits.get("timestampFormat", style)
        return lambda value: None if value is None else format_timestamp(value, timestamp_format)
    if kind == "blob":
        return lambda value: None if value is None else encode_blob(value)
    return _same


def _same(value: Any) -> Any:
    return value


def _structure_dumper(shape: Shape, style: str) -> Converter:
    ready: dict[str, tuple[str, Converter] | None] = {}

    def way_of(name: str) -> tuple[str, Converter] | None:
        member = shape.members.get(name)
        if member is None or member.location is not None:
            return None
        return member.wire_name(name), _dumper(member, style)

    def dump(value: Any) -> Any:
        if value is None:
            return None
        document = {}
        for name, one in value.items():
            if one is None:
                continue
            if name not in ready:
                ready[name] = way_of(name)
            way = ready[name]
            if way is not None:
                document[way[0]] = way[1](one)
        return document

    return dump
