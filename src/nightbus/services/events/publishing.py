"""Answers PutEvents after the events and their deliveries are on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import validation_error
from nightbus.aws.ids import new_event_ids
from nightbus.aws.threads import aside
from nightbus.aws.trace_header import trace_header_or_none, without_lineage
from nightbus.bus.envelope import EnvelopeWriter, Problem, with_id
from nightbus.delivery.buses import Bus
from nightbus.delivery.interface import Batch, Event, Overloaded
from nightbus.policies.request import NO_KEYS
from nightbus.services.context import Context
from nightbus.services.events.encryption_keys import problem_with_key
from nightbus.services.events.endpoints import resolve_endpoint
from nightbus.services.events.names import scope_and_bus

log = logging.getLogger("nightbus.events")

LARGEST_REQUEST = 1024 * 1024


async def put_events(
    ctx: Context, *, entries: list[dict[str, Any]], endpoint_id: str | None = None
) -> dict[str, Any]:
    copies = None
    if endpoint_id is not None:
        ctx, entries, copies = await resolve_endpoint(ctx, endpoint_id, entries)
    buses = {name: await _bus(ctx, name) for name in {entry.get("EventBusName") for entry in entries}}
    size = sum([len(entry.get("Detail") or "") for entry in entries])
    closed = {name: await problem_with_key(ctx, bus) for name, bus in buses.items() if bus.key}
    results, batches = await aside(size, _accept, ctx, entries, buses, closed)
    if copies is not None:
        batches += [_copy(batch, copies) for batch in batches]
    return await commit(ctx, results, batches)


def _copy(batch: Batch, scope: Scope) -> Batch:
    """Return the same events with new ids for the other region of an endpoint."""
    ids = new_event_ids(len(batch.events), batch.time)
    events = [
        Event(new, with_id(event.text, event.id, new)) for event, new in zip(batch.events, ids, strict=True)
    ]
    return batch._replace(scope=scope, events=events)


async def _bus(ctx: Context, name: str | None) -> Bus:
    """Return the bus. AWS accepts events for a bus that does not exist and drops them; Nightbus logs a warning too."""
    bus = await ctx.platform.router.buses.find(*scope_and_bus(ctx, name))
    if not bus.exists and ctx.platform.router.buses.unknown.is_due((bus.scope, bus.name), ctx.now_ms()):
        log.warning(
            "events were put on bus %s, which does not exist in %s; no rule gets them", bus.name, bus.scope
        )
    return bus


async def commit(ctx: Context, results: list[dict[str, str]], batches: list[Batch]) -> dict[str, Any]:
    """Commit the events and return the reply."""
    if batches:
        try:
            await ctx.platform.router.put(batches)
        except Overloaded:
            throttled = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
            results = [one if "ErrorCode" in one else throttled for one in results]
    failed = sum(["ErrorCode" in result for result in results])
    return {"FailedEntryCount": failed, "Entries": results}


def _accept(
    ctx: Context,
    entries: list[dict[str, Any]],
    buses: Mapping[str | None, Bus],
    closed: Mapping[str | None, Problem | None],
) -> tuple[list[dict[str, str]], list[Batch]]:
    """Return the results of all entries, which hold once the events are committed, and the events by bus and trace.

    `closed` has for each bus with a key the problem of that key, None where it can be used.
    """
    results: list[dict[str, str]] = []
    now, caller, request_trace = ctx.now_ms(), ctx.caller, without_lineage(ctx.call.trace)
    any_source = ctx.call.as_aws_service or ctx.platform.service_events
    writer = EnvelopeWriter(*ctx.scope, datetime.fromtimestamp(now / 1000, UTC), any_source=any_source)
    guarded = {name: bus for name, bus in buses.items() if not bus.is_open_to(caller)}
    events: dict[tuple[str | None, str], list[Event]] = {}
    for entry, event_id in zip(entries, new_event_ids(len(entries), now), strict=True):
        text = writer.write(entry, event_id)
        name = entry.get("EventBusName")
        if guarded and name in guarded and not isinstance(text, Problem):
            bus = guarded[name]
            keys = ctx.policy_keys(bus.policy, "events:PutEvents", bus.arn) or NO_KEYS
            refusal = bus.refusal(caller, entry["Source"], entry["DetailType"], keys)
            text = Problem("AccessDeniedException", refusal) if refusal and ctx.enforces else text
        if closed and not isinstance(text, Problem):
            text = closed.get(name) or text
        if isinstance(text, Problem):
            results.append({"ErrorCode": text.code, "ErrorMessage": text.message})
            continue
        header = entry.get("TraceHeader")
        bus_and_trace = (name, (header and without_lineage(trace_header_or_none(header))) or request_trace)
        events.setdefault(bus_and_trace, []).append(Event(event_id, text))
        results.append({"EventId": event_id})
    if writer.size > LARGEST_REQUEST:
        raise validation_error("Total size of the entries in the request is over the limit.")
    forwarded = ":rule/" in caller.source_arn
    return results, [
        Batch(
            buses[name].scope,
            buses[name].name,
            bus_events,
            now,
            trace,
            forwarded,
            ctx.call.request_id,
            caller.account,
            publisher=caller.arn,
        )
        for (name, trace), bus_events in events.items()
    ]
