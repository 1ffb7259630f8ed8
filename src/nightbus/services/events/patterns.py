"""Answers TestEventPattern, which matches one event against one pattern."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.threads import aside
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import matches, parse_pattern
from nightbus.services.context import Context

# AWS's documentation requires `resources` too; recorded answers of AWS show that it does not.
_REQUIRED = ("id", "account", "source", "time", "region", "detail-type")


async def test_event_pattern(ctx: Context, *, event_pattern: str, event: str) -> dict[str, Any]:
    return {"Result": await aside(len(event), _matches, event_pattern, event)}


def _matches(event_pattern: str, event: str) -> bool:
    try:
        pattern = parse_pattern(event_pattern)
    except InvalidPattern as broken:
        raise AwsError("InvalidEventPatternException", str(broken)) from broken
    try:
        parsed = parse_json(event)
    except ValueError as broken:
        raise validation_error("Parameter Event is not valid.") from broken
    if not isinstance(parsed, dict) or any(name not in parsed for name in _REQUIRED):
        raise validation_error("Parameter Event is not valid.")
    return matches(pattern, parsed)
