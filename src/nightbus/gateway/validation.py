"""Validates parameters by the model of their operation, and reports all violations in one error with AWS's texts.

The length of a message is limited: each byte of a body of some megabytes may be a violation, and each is a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.replies import ByteStream
from nightbus.gateway.checked_json import Checked
from nightbus.gateway.models import OperationModel, Shape
from nightbus.gateway.patterns import compiled
from nightbus.gateway.sqs_refusals import refusal
from nightbus.gateway.value_checks import accepts, limits

_LONGEST_VALUE = 64 * 1024  # characters of a value in a message
_LONGEST_MESSAGE = 128 * 1024  # characters, after which no further violation is searched for
_CODES = {"query": "ValidationError", "rest-xml": "InvalidArgument"}
_CODES_OF_SERVICES = {"schemas": "BadRequestException"}  # whose model has no other for it
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "blob": (bytes, bytearray, memoryview, str, ByteStream),
    "timestamp": (datetime, int, float),
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
}


def validate(operation: OperationModel, params: Mapping[str, Any]) -> None:
    """Raise AwsError `ValidationException` (`ValidationError` for query services) with all violations."""
    shape = operation.input
    if shape is None or accepts(shape, params):
        return
    refused = refusal(shape, params) if operation.service.name == "sqs" else None
    if refused is not None:
        raise refused
    failures, length = [], 0
    for failure in _structure(shape, params, ""):
        failures.append(failure)
        length += len(failure)
        if length > _LONGEST_MESSAGE:
            break
    if failures:
        plural = "s" if len(failures) > 1 else ""
        message = f"{len(failures)} validation error{plural} detected: {'; '.join(failures)}"
        service = operation.service
        code = _CODES_OF_SERVICES.get(service.name) or _CODES.get(service.protocol, "ValidationException")
        raise AwsError(code, message)


def checked(operation: OperationModel, params: Mapping[str, Any]) -> Checked:
    """Validate the parameters, and return them marked, so that they are not validated again. Raises as `validate`."""
    validate(operation, params)
    return Checked(params)


def _structure(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required:
        if value.get(name) is None:
            yield _failed("null", _member(path, name), "Member must not be null")
    members = shape.members
    for name, one in value.items():
        member = members.get(name)
        if member is not None and one is not None:
            yield from _value(member, one, _member(path, name))


def _value(shape: Shape, value: Any, path: str) -> Iterator[str]:
    kind = shape.type
    if shape.is_document:
        return
    if not _is_of(kind, value):
        yield _failed(_shown(shape, value), path, f"Member must be of type {kind}")
    elif kind == "string":
        yield from _string(shape, value, path)
    elif kind == "structure":
        yield from _structure(shape, value, path)
    elif kind == "list":
        yield from _length(shape, len(value), value, path)
        for at, one in enumerate(value, 1):
            if one is None:
                yield _failed("null", f"{path}.{at}.member", "Member must not be null")
            else:
                yield from _value(shape.element, one, f"{path}.{at}.member")
    elif kind == "map":
        yield from _length(shape, len(value), value, path)
        yield from _keys(shape, value, path)
        for key, one in value.items():
            if one is None:
                yield _failed("null", f"{path}.{key}.member", "Member must not be null")
            else:
                yield from _value(shape.value, one, f"{path}.{key}.member")
    elif kind == "blob":
        if not isinstance(value, ByteStream):
            yield from _length(shape, len(value), value, path)
    elif kind in ("integer", "long", "float", "double"):
        yield from _range(shape, value, path)


def _keys(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the violations of a map's keys, in which AWS shows the whole map. Services check keys that are enumerations
    themselves, with their own texts."""
    if "enum" in shape.key.traits:
        return
    broken = [failure.partition(": ")[2] for key in value for failure in _string(shape.key, key, path)]
    if broken:
        hidden = shape.key.traits.get("sensitive") or shape.value.traits.get("sensitive")
        pairs = _cut(_joined((f"{key}={one}",) for key, one in value.items()))
        constraints = ", ".join(dict.fromkeys(broken))
        shown = "***" if hidden else f"{{{pairs}}}"
        yield _failed(shown, path, f"Map keys must satisfy constraint: [{constraints}]")


def _is_of(kind: str, value: Any) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _string(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed = shape.traits.get("enum")
    if allowed is not None:
        if value not in allowed:
            constraint = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
            yield _failed(_shown(shape, value), path, constraint)
        return
    yield from _length(shape, len(value), value, path)
    pattern = shape.traits.get("pattern")
    expression = compiled(pattern) if pattern else None
    if expression is not None and not expression.fullmatch(value):
        constraint = f"Member must satisfy regular expression pattern: {pattern}"
        yield _failed(_shown(shape, value), path, constraint)


def _length(shape: Shape, length: int, value: Any, path: str) -> Iterator[str]:
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if least is not None and length < least:
        yield _failed(_shown(shape, value), path, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        yield _failed(_shown(shape, value), path, f"Member must have length less than or equal to {most}")


def _range(shape: Shape, value: float, path: str) -> Iterator[str]:
    least, most = limits(shape)
    if value < least:
        yield _failed(str(value), path, f"Member must have value greater than or equal to {least}")
    if value > most:
        yield _failed(str(value), path, f"Member must have value less than or equal to {most}")


def _failed(value: str, path: str, constraint: str) -> str:
    shown = value if value == "null" else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(shape: Shape, value: Any) -> str:
    """Return a value in Java's notation, as in AWS's messages: `[PutRequest(key=a, value=null)]`, `{a=b}`."""
    return _cut(_parts(shape, value))


def _cut(parts: Iterable[str]) -> str:
    taken, length = [], 0
    for part in parts:
        taken.append(part[: _LONGEST_VALUE - length])
        length += len(part)
        if length > _LONGEST_VALUE:
            return "".join(taken) + "..."
    return "".join(taken)


def _joined(values: Iterable[Iterable[str]]) -> Iterator[str]:
    for at, parts in enumerate(values):
        if at:
            yield ", "
        yield from parts


def _parts(shape: Shape, value: Any) -> Iterator[str]:
    if value is None:
        yield "null"
    elif shape.traits.get("sensitive"):
        yield "***"
    elif isinstance(value, Mapping) and shape.type == "structure":
        yield f"{shape.name}("
        yield from _joined(
            _named(_member("", name), one, value.get(name)) for name, one in shape.members.items()
        )
        yield ")"
    elif isinstance(value, Mapping) and shape.type == "map":
        yield "{"
        yield from _joined(_named(key, shape.value, one) for key, one in value.items())
        yield "}"
    elif isinstance(value, list | tuple) and shape.type == "list":
        yield "["
        yield from _joined(_parts(shape.element, one) for one in value)
        yield "]"
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, datetime):
        yield f"{value.astimezone(UTC):%a %b %d %H:%M:%S UTC %Y}"
    elif isinstance(value, bytes | bytearray | memoryview | ByteStream):
        yield "java.nio.HeapByteBuffer"
    else:
        yield str(value)


def _named(name: str, shape: Shape, value: Any) -> Iterator[str]:
    yield f"{name}="
    yield from _parts(shape, value)


def _member(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered
