"""Converts a template's values into an API's: templates write numbers and booleans as text as often as not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError


def chosen(
    properties: Mapping[str, Any], *names: str, kinds: Mapping[str, Callable[[Any], Any]] | None = None
) -> dict[str, Any]:
    """Those of the properties that are there, made what the API takes."""
    found = {name: properties[name] for name in names if properties.get(name) is not None}
    for name, kind in (kinds or {}).items():
        if name in found:
            found[name] = converted(name, found[name], kind)
    return found


def converted(name: str, value: Any, kind: Callable[[Any], Any]) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError, OverflowError) as wrong:
        raise AwsError(
            "ValidationError", f"Value of property {name} must be of another type: {value!r}"
        ) from wrong


def whole_number(value: Any) -> int:
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
    """As CloudFormation writes a value where a text is wanted: `true`, `7`, JSON for what has parts."""
    return value if isinstance(value, str) else json.dumps(value)


def attributes(properties: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Those of the properties that are there, as the text that queues and topics keep their attributes in."""
    return {
        name: text(value).lower() if isinstance(value, bool) else text(value)
        for name, value in chosen(properties, *names).items()
    }


def written_time(value: datetime | float) -> str:
    """As an attribute shows it; operations answer a time or epoch seconds."""
    when = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(value: Any) -> str:
    """A policy or a pattern as text; some templates already write it so."""
    return text(value)


def changed(old: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> bool:
    return any(old.get(name) != new.get(name) for name in names)
