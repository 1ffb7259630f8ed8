"""Makes SQS's own errors for parameters that violate its model, as SQS did before it used JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import Shape


def refusal(shape: Shape, params: Mapping[str, Any]) -> AwsError | None:
    """Return SQS's error, or None if SQS answers like all other services."""
    missing = next(_missing(shape, params, ""), None)
    if missing is not None:
        return AwsError("MissingParameter", f"The request must contain the parameter {missing}.")
    unknown = next(_unknown(shape, params), None)
    if unknown is not None:
        return AwsError("InvalidAttributeName", f"Unknown Attribute {unknown}.")
    return None


def _missing(shape: Shape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required:
        if value.get(name) is None:
            yield f"{path}{name}"
    for member, elements in _lists(shape, value):
        for at, one in enumerate(elements, 1):
            if isinstance(one, Mapping):
                yield from _missing(member.element, one, f"{member.element.name}.{at}.")


def _unknown(shape: Shape, value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the unknown names. Every list of names in SQS's requests is a list of attributes."""
    for member, elements in _lists(shape, value):
        allowed = member.element.traits.get("enum")
        if allowed is not None:
            yield from (str(one) for one in elements if one not in allowed)


def _lists(shape: Shape, value: Mapping[str, Any]) -> Iterator[tuple[Shape, list[Any]]]:
    for name, member in shape.members.items():
        elements = value.get(name)
        if member.type == "list" and isinstance(elements, list):
            yield member, elements
