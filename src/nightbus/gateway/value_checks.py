"""Decides whether a value is valid by its shape. `validation` finds the reasons for the few that are not.

The check of each reference in the model is composed once, at its first use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from nightbus.aws.replies import ByteStream
from nightbus.gateway.models import Shape
from nightbus.gateway.patterns import compiled

Check = Callable[[Any], bool]

_NUMBERS = {"integer": (int,), "long": (int,), "float": (int, float), "double": (int, float)}
_WIDEST: dict[str, float] = {"integer": 2**31 - 1, "long": 2**63 - 1}


def accepts(shape: Shape, value: Any) -> bool:
    return _check(shape)(value)


def _check(shape: Shape) -> Check:
    check = shape.compiled.get("accept")
    if check is None:
        check = shape.compiled["accept"] = _make(shape)
    return check


def _make(shape: Shape) -> Check:
    kind = shape.type
    if shape.is_document:
        return lambda value: True
    if kind == "structure":
        return _structure(shape)
    if kind == "list":
        return _list(shape)
    if kind == "map":
        return _map(shape)
    if kind == "string":
        return _string(shape)
    if kind in _NUMBERS:
        return _number(shape)
    if kind == "boolean":
        return lambda value: isinstance(value, bool)
    if kind == "timestamp":
        return lambda value: isinstance(value, datetime | int | float) and not isinstance(value, bool)
    return _blob(shape)


def _structure(shape: Shape) -> Check:
    required = shape.required
    members = shape.members
    ready: dict[str, Check] = {}

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        for name in required:
            if value.get(name) is None:
                return False
        for name, one in value.items():
            if one is None:
                continue
            fits = ready.get(name)
            if fits is None:
                if name not in members:
                    continue
                fits = ready[name] = _check(members[name])
            if not fits(one):
                return False
        return True

    return check


def _list(shape: Shape) -> Check:
    fits_length = _length(shape)

    def check(value: Any) -> bool:
        if not isinstance(value, list | tuple) or not fits_length(value):
            return False
        return all(map(_check(shape.element), value))

    return check


def _map(shape: Shape) -> Check:
    fits_length = _length(shape)
    keys_are_limited = any(trait in shape.key.traits for trait in ("min", "max", "pattern"))

    def check(value: Any) -> bool:
        if not isinstance(value, Mapping) or not fits_length(value):
            return False
        if keys_are_limited and not all(map(_check(shape.key), value)):
            return False
        fits = _check(shape.value)
        return all(map(fits, value.values()))

    return check


def _string(shape: Shape) -> Check:
    allowed = shape.traits.get("enum")
    if allowed is not None:
        allowed_values = frozenset(allowed)
        return lambda value: isinstance(value, str) and value in allowed_values
    fits_length = _length(shape)
    text = shape.traits.get("pattern")
    pattern = compiled(text) if text else None
    if pattern is None:
        if "min" not in shape.traits and "max" not in shape.traits:
            return lambda value: isinstance(value, str)
        return lambda value: isinstance(value, str) and fits_length(value)
    whole = pattern.fullmatch
    return lambda value: isinstance(value, str) and fits_length(value) and whole(value) is not None


def _number(shape: Shape) -> Check:
    kinds = _NUMBERS[shape.type]
    least, most = limits(shape)
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most


def _blob(shape: Shape) -> Check:
    fits_length = _length(shape)
    return lambda value: (
        isinstance(value, ByteStream)
        or (isinstance(value, bytes | bytearray | memoryview | str) and fits_length(value))
    )


def _length(shape: Shape) -> Check:
    least, most = _bounds(shape)
    return lambda value: least <= len(value) <= most


def limits(shape: Shape) -> tuple[float, float]:
    """Return the least and the greatest valid number: the model's limits, or those of the type."""
    widest = _WIDEST.get(shape.type, float("inf"))
    return shape.traits.get("min", -widest - 1), shape.traits.get("max", widest)


def _bounds(shape: Shape) -> tuple[float, float]:
    return shape.traits.get("min", float("-inf")), shape.traits.get("max", float("inf"))
