"""Compares a resource's expected properties with its live ones, as CloudFormation's drift detection does. Pure.

Only what the template sets is compared: a default of AWS is no drift. Members that a template does not set count as
added in lists and in maps of free keys, such as a function's variables. Lists are compared without order where the
schema says that it does not matter. What a service never shows (`writeOnlyProperties`) is not compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.stacks.resources.live_values import json_value
from nightbus.stacks.schemas import resolved, resource_schemas

ADD, REMOVE, NOT_EQUAL = "ADD", "REMOVE", "NOT_EQUAL"
_EMPTY: tuple[Any, ...] = (None, "", [], {})
_NAMES = (
    "Key",
    "Id",
    "PolicyName",
    "ParameterKey",
    "Sid",
    "Name",
)  # members by which the elements of a list are told apart
_DYNAMIC = "{{resolve:"
Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    path: tuple[str, ...]
    expected: Any
    actual: Any
    kind: str

    def reply(self) -> dict[str, str]:
        return {
            "PropertyPath": "/" + "/".join(self.path),
            "ExpectedValue": value_text(self.expected),
            "ActualValue": value_text(self.actual),
            "DifferenceType": self.kind,
        }


def value_text(value: Any) -> str:
    """Return a value as drift results show it: text as it is, anything else as JSON without spaces."""
    if value is None:
        return "null"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def differences(type_name: str, expected: Mapping[str, Any], actual: Mapping[str, Any]) -> list[Difference]:
    """Return how the live properties `actual` differ from `expected`, in the order of the properties' names."""
    schema = resource_schemas().get(type_name, {})
    hidden = {*schema.get("readOnlyProperties", ()), *schema.get("writeOnlyProperties", ())}
    comparison = _Comparison(type_name, frozenset(pointer.removeprefix("/properties") for pointer in hidden))
    return list(comparison.members(schema, expected, actual, ()))


class _Comparison:
    def __init__(self, type_name: str, hidden: frozenset[str]) -> None:
        self._type_name = type_name
        self._hidden = hidden

    def members(
        self, schema: Schema, expected: Any, actual: Any, path: tuple[str, ...]
    ) -> Iterator[Difference]:
        declared = schema.get("properties", {})
        for name in sorted(expected):
            yield from self._values(declared.get(name, {}), expected[name], actual.get(name), (*path, name))
        for name in sorted(set(actual) - set(expected)) if path else ():
            if name not in declared and actual[name] not in _EMPTY:
                yield Difference((*path, name), None, actual[name], ADD)

    def _values(
        self, schema: Schema, expected: Any, actual: Any, path: tuple[str, ...]
    ) -> Iterator[Difference]:
        if self._is_hidden(path) or (isinstance(expected, str) and _DYNAMIC in expected):
            return
        schema = resolved(self._type_name, schema)
        if schema.get("type") != "string":
            expected, actual = json_value(expected), json_value(actual)
        if actual in _EMPTY and isinstance(expected, Mapping) and self._has_hidden_members(path):
            yield from self.members(schema, expected, {}, path)
        elif actual in _EMPTY:
            if expected not in _EMPTY:
                yield Difference(path, expected, None, REMOVE)
        elif isinstance(expected, Mapping) and isinstance(actual, Mapping):
            yield from self.members(schema, expected, actual, path)
        elif isinstance(expected, list) and isinstance(actual, list):
            yield from self._lists(schema, expected, actual, path)
        elif not _is_same(expected, actual):
            yield Difference(path, expected, actual, NOT_EQUAL)

    def _lists(
        self, schema: Schema, expected: list[Any], actual: list[Any], path: tuple[str, ...]
    ) -> Iterator[Difference]:
        element = resolved(self._type_name, schema.get("items", {}))
        left = dict(enumerate(actual))
        unordered = schema.get("insertionOrder") is False or path[-1] == "Tags"
        missing: list[int] = []
        for at, one in enumerate(expected):
            candidates = left if unordered else {at: left[at]} if at in left else {}
            match = next(
                (i for i, other in candidates.items() if self._agree(element, one, other, path)), None
            )
            if match is None:
                missing.append(at)
            else:
                del left[match]
        for at in missing:
            partner = self._partner(expected[at], left, at, unordered=unordered)
            if partner is None:
                yield Difference((*path, str(at)), expected[at], None, REMOVE)
            else:
                yield from self._values(element, expected[at], left.pop(partner), (*path, str(at)))
        for at, other in left.items():
            yield Difference((*path, str(at)), None, other, ADD)

    def _partner(self, one: Any, left: Mapping[int, Any], at: int, *, unordered: bool) -> int | None:
        """Return the element that `one` has become: that of its name, or, in a list with an order, of its place."""
        for name in _NAMES if isinstance(one, Mapping) else ():
            if name in one:
                named = (
                    i
                    for i, other in left.items()
                    if isinstance(other, Mapping) and other.get(name) == one[name]
                )
                return next(named, None)
        return at if not unordered and at in left else None

    def _agree(self, schema: Schema, expected: Any, actual: Any, path: tuple[str, ...]) -> bool:
        return next(self._values(schema, expected, actual, (*path, "*")), None) is None

    def _has_hidden_members(self, path: tuple[str, ...]) -> bool:
        pointer = "/" + "/".join("*" if part.isdigit() else part for part in path) + "/"
        return any(hidden.startswith(pointer) for hidden in self._hidden)

    def _is_hidden(self, path: tuple[str, ...]) -> bool:
        pointer = "/" + "/".join("*" if part.isdigit() else part for part in path)
        return pointer in self._hidden


def _is_same(expected: Any, actual: Any) -> bool:
    """Return whether both are the same value; CloudFormation takes `"30"` for 30, `"true"` for true, `x` for `[x]`."""
    if isinstance(expected, list) != isinstance(actual, list):
        alone, listed = (actual, expected) if isinstance(expected, list) else (expected, actual)
        return len(listed) == 1 and _is_same(listed[0], alone)
    if expected == actual:
        return True
    if isinstance(expected, list | dict) or isinstance(actual, list | dict):
        return False
    return bool(_scalar(expected) == _scalar(actual))


def _scalar(value: Any) -> Any:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return float(text)
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text
