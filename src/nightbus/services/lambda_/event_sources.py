"""Event source mappings: none can be made yet, so there are none."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context


async def list_event_source_mappings(
    ctx: Context,
    *,
    event_source_arn: str | None = None,
    function_name: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    return {"EventSourceMappings": []}
