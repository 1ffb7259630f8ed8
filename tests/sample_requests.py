"""Makes the smallest request of an operation that botocore's model accepts, with given values for some members."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape

_HERE = "us-east-1:000000000000"
_TEXTS = (
    "mine", "mine1234", "arn:aws:iam::000000000000:role/mine", "1", "v1", "00000", "us-east-1", "0" * 12, "a" * 20,
    "0" * 32, "0" * 40, "0" * 64, "a" * 1000, "00000000-0000-0000-0000-000000000000", "aws.partner/mine/mine",
    "lambda:GetLayerVersion", "https://localhost", "arn:aws:route53:::healthcheck/mine",
    f"arn:aws:events:{_HERE}:event-bus/mine", f"arn:aws:events:{_HERE}:connection/mine/1",
    f"arn:aws:lambda:{_HERE}:layer:mine:1", f"arn:aws:lambda:{_HERE}:code-signing-config:csc-{'0' * 17}",
)  # fmt: skip
_NUMBERS = {"integer", "long", "double", "float", "timestamp"}


def sample_request(operation: OperationModel, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the required members, and those of `values` that the operation has. Blobs are `{}` as bytes."""
    shape = operation.input_shape
    if shape is None:
        return {}
    return {
        name: values[name] if name in values else _sample(member, values)
        for name, member in shape.members.items()
        if name in shape.required_members or name in values
    }


def _sample(shape: Shape, values: Mapping[str, Any]) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, values)
    if isinstance(shape, ListShape):
        return [_sample(shape.member, values) for _ in range(max(1, shape.metadata.get("min", 1)))]
    if isinstance(shape, MapShape):
        return {_sample(shape.key, values): _sample(shape.value, values)}
    if isinstance(shape, StringShape):
        return _text(shape)
    if shape.type_name == "boolean":
        return False
    return shape.metadata.get("min", 1) if shape.type_name in _NUMBERS else b"{}"


def _structure(shape: StructureShape, values: Mapping[str, Any]) -> dict[str, Any]:
    names = shape.required_members or ([next(iter(shape.members))] if shape.is_tagged_union else [])
    return {name: values[name] if name in values else _sample(shape.members[name], values) for name in names}


def _text(shape: StringShape) -> str:
    if shape.enum:
        return str(shape.enum[0])
    pattern, least = shape.metadata.get("pattern"), shape.metadata.get("min", 0)
    most = shape.metadata.get("max", 10**6)
    fitting = (text for text in _TEXTS if least <= len(text) <= most)
    return next((text for text in fitting if not pattern or re.fullmatch(_python(pattern), text)), "mine")


def _python(pattern: str) -> str:
    """Return a pattern of a model for Python, which has no classes of Unicode."""
    return re.sub(r"\\p\{\w+\}", r"\\w", pattern)
