"""Parses and validates a JSON body in one pass, which suffices for nearly every body.

The shape becomes a type of msgspec, which parses, validates and drops unknown members in compiled code. A body that it
refuses (a null, a date, a binary value, a violation of the model) goes through the slower parser and validator, which
write AWS's error texts. So this module can only accept a body, or leave it undecided.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NotRequired, Required, TypedDict

import msgspec

from nightbus.gateway.models import Shape
from nightbus.gateway.patterns import compiled
from nightbus.gateway.value_checks import limits

_NEVER: Any = Annotated[int, msgspec.Meta(ge=1, le=0)]


class Checked(dict[str, Any]):
    """Parameters that are valid by their operation's model."""


def read_checked(shape: Shape, body: bytes) -> Checked | None:
    """Return the validated parameters, or None if the slower parser must decide."""
    read = shape.compiled.get("quick")
    if read is None:
        read = shape.compiled["quick"] = msgspec.json.Decoder(_type(shape, frozenset())).decode
    try:
        return Checked(read(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _type(shape: Shape, around: frozenset[str]) -> Any:
    if shape.is_document or shape.name in around:
        return _NEVER
    match shape.type:
        case "structure":
            return _structure(shape, around | {shape.name})
        case "list":
            element = _type(shape.element, around | {shape.name})
            return _limited(list[element], shape)  # type: ignore[valid-type]
        case "map":
            value = _type(shape.value, around | {shape.name})
            # The services check keys that are enumerations, as in `validation`.
            key = str if "enum" in shape.key.traits else _string(shape.key)
            return _limited(dict[key, value], shape)  # type: ignore[valid-type]
        case "string":
            return _string(shape)
        case "integer" | "long":
            least, most = limits(shape)
            return Annotated[int, msgspec.Meta(ge=least, le=most)]
        case "boolean":
            return bool
    return _NEVER


def _structure(shape: Shape, around: frozenset[str]) -> Any:
    if any(member.wire_name(name) != name or member.location for name, member in shape.members.items()):
        return _NEVER
    members = {
        name: (Required if name in shape.required else NotRequired)[_type(member, around)]
        for name, member in shape.members.items()
    }
    return TypedDict(shape.name, members)  # type: ignore[operator]


def _string(shape: Shape) -> Any:
    allowed = shape.traits.get("enum")
    if allowed is not None:
        return Literal[tuple(allowed)]
    text = shape.traits.get("pattern")
    pattern = compiled(text) if text else None
    if pattern is None:
        return _limited(str, shape)
    if not isinstance(pattern, re.Pattern):
        return _NEVER
    scope = "a" if pattern.flags & re.ASCII else ""
    whole = rf"\A(?{scope}:{pattern.pattern})\Z"
    return _limited(str, shape, pattern=whole)


def _limited(kind: Any, shape: Shape, pattern: str | None = None) -> Any:
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if least is None and most is None and pattern is None:
        return kind
    return Annotated[kind, msgspec.Meta(min_length=least, max_length=most, pattern=pattern)]
