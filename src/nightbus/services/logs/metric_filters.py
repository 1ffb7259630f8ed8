"""Answers TestMetricFilter, which tries a filter pattern on messages. There are no metrics, so no filter is kept."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.logs.filter_pattern import parse_pattern


async def test_metric_filter(
    ctx: Context, *, filter_pattern: str, log_event_messages: list[str]
) -> dict[str, Any]:
    pattern = parse_pattern(filter_pattern)
    matches = [
        {"eventNumber": number, "eventMessage": message, "extractedValues": pattern.extracted(message)}
        for number, message in enumerate(log_event_messages, start=1)
        if pattern.matches(message)
    ]
    return {"matches": matches}
