"""Converts the values of a template to those of an API. Templates may have numbers and booleans as text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError


def selected_properties(
    properties: Mapping[str, Any], *names: str, kinds: Mapping[str, Callable[[Any], Any]] | None = None
) -> dict[str, Any]:
    """Return the named properties that the template has, each converted by its function in `kinds`."""
    values = {name: properties[name] for name in names if properties.get(name) is not None}
    for name, kind in (kinds or {}).items():
        if name in values:
            values[name] = converted(name, values[name], kind)
    return values


def converted(name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError) as wrong:
        raise AwsError(
            "ValidationError", f"Value of property {name} must be of another type: {value!r}"
        ) from wrong


def integer_value(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError(value)
    number = float(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(value)


def text(value: Any) -> str:
    """Return a value as text, as CloudFormation writes it: `true`, `7`, JSON for lists and maps."""
    return value if isinstance(value, str) else json.dumps(value)


def attributes(properties: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Return the named properties that the template has, as text, the form of attributes of queues and topics."""
    return {
        name: text(value).lower() if isinstance(value, bool) else text(value)
        for name, value in selected_properties(properties, *names).items()
    }


def written_time(value: datetime | float) -> str:
    """Return the time as an attribute's text. Operations reply with a datetime or epoch seconds."""
    when = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document_text(value: Any) -> str:
    """Return a policy or a pattern as JSON text; a template may have it as text already."""
    return text(value)


def changed(old: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> bool:
    return any(old.get(name) != new.get(name) for name in names)
