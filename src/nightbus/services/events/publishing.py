"""PutEvents: entries become events, and are acknowledged when they are on disk with what they matched."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.aws.ids import new_event_ids
from nightbus.bus.envelope import EnvelopeWriter, Problem
from nightbus.delivery.interface import Batch, Event, Overloaded
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
    now = ctx.now_ms()
    results, batches = _accept(ctx, entries, now)
    for batch in batches:
        await _warn_of_missing_bus(ctx, batch.scope, batch.bus, len(batch.events))
    if batches:
        try:
            await ctx.platform.router.put(batches)
        except Overloaded:
            throttled = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
            results = [one if "ErrorCode" in one else throttled for one in results]
    failed = sum("ErrorCode" in result for result in results)
    return {"FailedEntryCount": failed, "Entries": results}


def _accept(
    ctx: Context, entries: list[dict[str, Any]], now: int
) -> tuple[list[dict[str, str]], list[Batch]]:
    """Each entry's result, should the events be committed, and the events by where they go."""
    results: list[dict[str, str]] = []
    own_trace = ctx.call.trace
    writer = EnvelopeWriter(*ctx.scope, datetime.fromtimestamp(now / 1000, UTC))
    events: dict[tuple[str | None, str], list[Event]] = {}
    for entry, event_id in zip(entries, new_event_ids(len(entries), now), strict=True):
        text = writer.write(entry, event_id)
        if isinstance(text, Problem):
            results.append({"ErrorCode": text.code, "ErrorMessage": text.message})
            continue
        place = (entry.get("EventBusName"), entry.get("TraceHeader") or own_trace)
        events.setdefault(place, []).append(Event(event_id, text))
        results.append({"EventId": event_id})
    if writer.size > _LARGEST_REQUEST:
        raise validation_error("Total size of the entries in the request is over the limit.")
    return results, [Batch(*bus_place(ctx, bus), found, now, trace) for (bus, trace), found in events.items()]


async def _warn_of_missing_bus(ctx: Context, scope: Scope, bus: str, count: int) -> None:
    """AWS accepts events for a bus that does not exist, and drops them; here at least somebody is told."""
    if bus != DEFAULT_BUS and await ctx.store.get(scope, BUS, bus) is None:
        log.warning(
            "%d events were put on bus %s, which does not exist in %s; no rule gets them", count, bus, scope
        )
