"""Validates the properties of a resource by its published schema, with CloudFormation's texts.

CloudFormation is more lenient than JSON Schema: where a number or a boolean is expected, `"30"` and `"true"` are valid,
and numbers and booleans are valid as texts. A value that depends on a resource that does not exist yet (`UNKNOWN`) is
checked once it is known. Before anything is created only the structure is checked: names, required keys and types. A
value out of its range makes the resource fail when it is created, as on AWS.
The texts are those of the validator in AWS's resource handlers (the Java library everit json-schema).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.schemas import resource_schemas
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN, has_unknown

CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"
_MOST_VIOLATIONS = 10
_SECONDS = 0.05  # for one pattern of a schema on one text
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,300}")
_JAVA_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "null": "Null",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}
Schema = Mapping[str, Any]


def check_properties(
    logical_id: str,
    type_name: str,
    supported: frozenset[str],
    properties: Mapping[str, Any],
    *,
    structure_only: bool = False,
    is_open: bool = False,
) -> None:
    """Raise AwsError ValidationError for what the type's schema does not allow, and NotImplementedException for a
    property that the schema has and Nightbus does not support. `is_open`: there may be any further properties.
    """
    published = resource_schemas().get(CUSTOM_RESOURCE if is_open else type_name)
    schema = published or _of_names(supported)
    if is_open:
        named = {name: one for name, one in schema["properties"].items() if name in supported}
        schema = {**schema, "properties": named, "additionalProperties": True}
    for name in sorted(set(properties) - supported):
        if name in schema.get("properties", {}):
            raise unsupported(f"Property {name} of resource {logical_id} ({type_name})")
    messages = violations(schema, properties, structure_only=structure_only)
    if messages:
        text = f"Properties validation failed for resource {logical_id} with message: "
        raise AwsError("ValidationError", text + "\n".join(messages))


def _of_names(supported: frozenset[str]) -> Schema:
    """Return the schema of a type that has no published one."""
    return {"properties": {name: {} for name in supported}, "additionalProperties": False}


def violations(schema: Schema, properties: Mapping[str, Any], *, structure_only: bool = False) -> list[str]:
    """Return messages like `#/RetryPolicy: extraneous key [MaximumEventAge] is not permitted`; none if valid."""
    messages = []
    for violation in _Validator(schema, structure_only).check(schema, properties, "#"):
        messages.append(violation)
        if len(messages) == _MOST_VIOLATIONS:
            break
    return messages


class _Validator:
    def __init__(self, root: Schema, structure_only: bool) -> None:
        self._root = root
        self._structure_only = structure_only

    def check(self, schema: Schema, value: Any, path: str) -> Iterator[str]:
        if value is UNKNOWN or value is NO_VALUE:
            return
        schema = self._resolved(schema)
        kind = _kind(schema, value)
        if kind is None:
            yield f"{path}: expected type: {_expected_types(schema)}, found: {_JAVA_NAMES[_kind_of(value)]}"
            return
        if kind == "object":
            yield from self._object(schema, value, path)
        if kind == "array":
            yield from self._array(schema, value, path)
        if not self._structure_only:
            yield from self._value(schema, kind, value, path)

    def _value(self, schema: Schema, kind: str, value: Any, path: str) -> Iterator[str]:
        allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
        if allowed is not None and not _is_one_of(value, allowed):
            yield f"{path}: {_abbreviated(value)} is not a valid enum value"
        if kind in _JUDGES:
            yield from _JUDGES[kind](schema, value, path)
        yield from self._combined(schema, value, path)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(20):
            reference = schema.get("$ref")
            if reference is None:
                return schema
            referenced: Any = self._root
            for part in str(reference).removeprefix("#/").split("/"):
                referenced = referenced[part]
            schema = referenced
        return schema

    def _object(self, schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[str]:
        members = {name: one for name, one in value.items() if one is not NO_VALUE}
        for name in schema.get("required", ()):
            if name not in members:
                yield f"{path}: required key [{name}] not found"
        declared, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, one in members.items():
            fitting = [declared[name]] if name in declared else []
            fitting += [other for pattern, other in patterns.items() if _fits(pattern, name)]
            further = schema.get("additionalProperties", True)
            if not fitting and further is False:
                yield f"{path}: extraneous key [{name}] is not permitted"
            elif not fitting and isinstance(further, Mapping):
                fitting = [further]
            for other in fitting:
                yield from self.check(other, one, f"{path}/{name}")

    def _array(self, schema: Schema, value: list[Any], path: str) -> Iterator[str]:
        element = schema.get("items")
        if isinstance(element, Mapping):
            for at, one in enumerate(one for one in value if one is not NO_VALUE):
                yield from self.check(element, one, f"{path}/{at}")

    def _combined(self, schema: Schema, value: Any, path: str) -> Iterator[str]:
        if has_unknown(value):
            return
        for one in schema.get("allOf", ()):
            yield from self.check(one, value, path)
        alternatives = schema.get("anyOf", ())
        if alternatives and not any(self._fits(one, value) for one in alternatives):
            yield f"{path}: #: no subschema matched out of the total {len(alternatives)} subschemas"
        alternatives = schema.get("oneOf", ())
        matched = sum(self._fits(one, value) for one in alternatives)
        if alternatives and matched != 1:
            yield f"{path}: #: {matched} subschemas matched instead of one"

    def _fits(self, schema: Schema, value: Any) -> bool:
        return next(self.check(schema, value, "#"), None) is None


def _members(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[str]:
    count = sum(one is not NO_VALUE for one in value.values())
    if count > schema.get("maxProperties", count):
        yield f"{path}: maximum size: [{schema['maxProperties']}], found: [{count}]"
    if count < schema.get("minProperties", 0):
        yield f"{path}: minimum size: [{schema['minProperties']}], found: [{count}]"


def _items(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    items = [one for one in value if one is not NO_VALUE]
    if len(items) < schema.get("minItems", 0):
        yield f"{path}: expected minimum item count: {schema['minItems']}, found: {len(items)}"
    if len(items) > schema.get("maxItems", len(items)):
        yield f"{path}: expected maximum item count: {schema['maxItems']}, found: {len(items)}"
    if schema.get("uniqueItems") and not has_unknown(items) and _has_doubles(items):
        yield f"{path}: array items are not unique"


def _text(schema: Schema, value: Any, path: str) -> Iterator[str]:
    text = _abbreviated(value)
    if len(text) < schema.get("minLength", 0):
        yield f"{path}: expected minLength: {schema['minLength']}, actual: {len(text)}"
    if len(text) > schema.get("maxLength", len(text)):
        yield f"{path}: expected maxLength: {schema['maxLength']}, actual: {len(text)}"
    if "pattern" in schema and not _fits(schema["pattern"], text):
        yield f"{path}: string [{text}] does not match pattern {schema['pattern']}"


def _number(schema: Schema, value: Any, path: str) -> Iterator[str]:
    number = float(value)
    if number < schema.get("minimum", number):
        yield f"{path}: {_abbreviated(value)} is not greater or equal to {schema['minimum']}"
    if number > schema.get("maximum", number):
        yield f"{path}: {_abbreviated(value)} is not less or equal to {schema['maximum']}"


_JUDGES: Mapping[str, Callable[[Schema, Any, str], Iterator[str]]] = {
    "array": _items,
    "number": _number,
    "object": _members,
    "string": _text,
}


def _kind(schema: Schema, value: Any) -> str | None:
    """Return the first type of the schema that the value can have, None if there is none. All numbers are one kind."""
    expected = schema.get("type")
    if expected is None:
        kind = _kind_of(value)
        return "number" if kind == "integer" else kind
    for one in expected if isinstance(expected, list) else [expected]:
        if _READABLE[one](value):
            return "number" if one == "integer" else str(one)
    return None


def _kind_of(value: Any) -> str:
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, list | tuple):
        return "array"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "null" if value is None else "string"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool | int | float)


def _is_integer(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return True
    return value.is_integer() if isinstance(value, float) else bool(_INTEGER.fullmatch(_abbreviated(value)))


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value)))


_READABLE: Mapping[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list | tuple),
    "boolean": lambda value: isinstance(value, bool) or str(value).lower() in ("true", "false"),
    "integer": lambda value: _is_scalar(value) and _is_integer(value),
    "null": lambda value: value is None,
    "number": _is_number,
    "object": lambda value: isinstance(value, Mapping),
    "string": _is_scalar,
}


def _expected_types(schema: Schema) -> str:
    types = schema["type"]
    return " or ".join(_JAVA_NAMES[one] for one in (types if isinstance(types, list) else [types]))


def _abbreviated(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_one_of(value: Any, allowed: list[Any]) -> bool:
    return value in allowed or (_is_scalar(value) and _abbreviated(value) in map(_abbreviated, allowed))


def _has_doubles(items: list[Any]) -> bool:
    return any(one in items[:at] for at, one in enumerate(items))


def _fits(pattern: str, text: str) -> bool:
    """Return whether the text matches. A pattern that is invalid or takes too long counts as matched, because the
    service checks the value itself."""
    compiled = _compiled(pattern)
    if compiled is None:
        return True
    try:
        return compiled.search(text, timeout=_SECONDS) is not None
    except TimeoutError:
        return True


@functools.lru_cache(maxsize=512)
def _compiled(pattern: str) -> Any:
    import regex

    try:
        return regex.compile(pattern)
    except regex.error:
        return None
