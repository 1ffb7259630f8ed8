"""PutEvents: entries become events, and are acknowledged when they are on disk with what they matched."""

from __future__ import annotations

import logging
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.aws.ids import new_event_id
from nightbus.bus.envelope import entry_size, make_envelope, validate_entry
from nightbus.delivery.rules import BUS, DEFAULT_BUS
from nightbus.services.context import Context
from nightbus.services.events.names import bus_place

log = logging.getLogger("nightbus.events")

_LARGEST_REQUEST = 1024 * 1024


async def put_events(
    ctx: Context, *, entries: list[dict[str, Any]], endpoint_id: str | None = None
) -> dict[str, Any]:
    if endpoint_id is not None:
        raise validation_error(f"Endpoint {endpoint_id} does not exist.")
    if sum(map(entry_size, entries)) > _LARGEST_REQUEST:
        raise validation_error("Total size of the entries in the request is over the limit.")
    now = ctx.now_ms()
    results: list[dict[str, Any]] = []
    by_bus: dict[tuple[Scope, str, str], list[dict[str, Any]]] = {}
    for entry in entries:
        problem = validate_entry(entry)
        if problem is not None:
            results.append({"ErrorCode": problem[0], "ErrorMessage": problem[1]})
            continue
        event_id = new_event_id(now)
        event = make_envelope(entry, event_id=event_id, account=ctx.account, region=ctx.region, now_ms=now)
        scope, bus = bus_place(ctx, entry.get("EventBusName"))
        trace = entry.get("TraceHeader") or ctx.call.trace
        by_bus.setdefault((scope, bus, trace), []).append(event)
        results.append({"EventId": event_id})
    for (scope, bus, trace), events in by_bus.items():
        await _warn_of_missing_bus(ctx, scope, bus, len(events))
        await ctx.platform.router.put(scope, bus, events, trace)
    failed = sum("ErrorCode" in result for result in results)
    return {"FailedEntryCount": failed, "Entries": results}


async def _warn_of_missing_bus(ctx: Context, scope: Scope, bus: str, count: int) -> None:
    """AWS accepts events for a bus that does not exist, and drops them; here at least somebody is told."""
    if bus != DEFAULT_BUS and await ctx.store.get(scope, BUS, bus) is None:
        log.warning(
            "%d events were put on bus %s, which does not exist in %s; no rule gets them", count, bus, scope
        )
