"""PutEvents: entries become events, and are acknowledged when they are on disk with what they matched."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.aws.ids import new_event_ids
from nightbus.aws.threads import aside
from nightbus.aws.trace_header import trace_header_or_none
from nightbus.bus.envelope import EnvelopeWriter, Problem, with_id
from nightbus.delivery.buses import Bus
from nightbus.delivery.interface import Batch, Event, Overloaded
from nightbus.services.context import Context
from nightbus.services.events.endpoints import at_endpoint
from nightbus.services.events.names import bus_place

log = logging.getLogger("nightbus.events")

LARGEST_REQUEST = 1024 * 1024


async def put_events(
    ctx: Context, *, entries: list[dict[str, Any]], endpoint_id: str | None = None
) -> dict[str, Any]:
    copies = None
    if endpoint_id is not None:
        ctx, entries, copies = await at_endpoint(ctx, endpoint_id, entries)
    buses = {name: await _bus(ctx, name) for name in {entry.get("EventBusName") for entry in entries}}
    size = sum([len(entry.get("Detail") or "") for entry in entries])
    results, batches = await aside(size, _accept, ctx, entries, buses)
    if copies is not None:
        batches += [_copy(batch, copies) for batch in batches]
    return await commit(ctx, results, batches)


def _copy(batch: Batch, scope: Scope) -> Batch:
    """The same events in the other region of an endpoint, under ids of their own."""
    ids = new_event_ids(len(batch.events), batch.time)
    events = [
        Event(new, with_id(event.text, event.id, new)) for event, new in zip(batch.events, ids, strict=True)
    ]
    return batch._replace(scope=scope, events=events)


async def _bus(ctx: Context, name: str | None) -> Bus:
    """AWS accepts events for a bus that does not exist, and drops them; here at least somebody is told."""
    bus = await ctx.platform.router.buses.find(*bus_place(ctx, name))
    if not bus.exists and ctx.platform.router.buses.unknown.is_due((bus.scope, bus.name), ctx.now_ms()):
        log.warning(
            "events were put on bus %s, which does not exist in %s; no rule gets them", bus.name, bus.scope
        )
    return bus


async def commit(ctx: Context, results: list[dict[str, str]], batches: list[Batch]) -> dict[str, Any]:
    """The reply, once the events are kept."""
    if batches:
        try:
            await ctx.platform.router.put(batches)
        except Overloaded:
            throttled = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
            results = [one if "ErrorCode" in one else throttled for one in results]
    failed = sum(["ErrorCode" in result for result in results])
    return {"FailedEntryCount": failed, "Entries": results}


def _accept(
    ctx: Context, entries: list[dict[str, Any]], buses: Mapping[str | None, Bus]
) -> tuple[list[dict[str, str]], list[Batch]]:
    """Each entry's result, should the events be committed, and the events by where they go."""
    results: list[dict[str, str]] = []
    now, caller, own_trace = ctx.now_ms(), ctx.caller, ctx.call.trace
    any_source = ctx.call.as_aws_service or ctx.platform.service_events
    writer = EnvelopeWriter(*ctx.scope, datetime.fromtimestamp(now / 1000, UTC), any_source=any_source)
    asked = {name: bus for name, bus in buses.items() if not bus.is_open_to(caller)}
    events: dict[tuple[str | None, str], list[Event]] = {}
    for entry, event_id in zip(entries, new_event_ids(len(entries), now), strict=True):
        text = writer.write(entry, event_id)
        name = entry.get("EventBusName")
        if asked and name in asked and not isinstance(text, Problem):
            refusal = asked[name].refusal(caller, entry["Source"], entry["DetailType"])
            text = Problem("AccessDeniedException", refusal) if refusal else text
        if isinstance(text, Problem):
            results.append({"ErrorCode": text.code, "ErrorMessage": text.message})
            continue
        header = entry.get("TraceHeader")
        place = (name, (header and trace_header_or_none(header)) or own_trace)
        events.setdefault(place, []).append(Event(event_id, text))
        results.append({"EventId": event_id})
    if writer.size > LARGEST_REQUEST:
        raise validation_error("Total size of the entries in the request is over the limit.")
    forwarded = ":rule/" in caller.source_arn
    return results, [
        Batch(
            buses[name].scope,
            buses[name].name,
            found,
            now,
            trace,
            forwarded,
            ctx.call.request_id,
            caller.account,
            publisher=caller.arn,
        )
        for (name, trace), found in events.items()
    ]
