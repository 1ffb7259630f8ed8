"""Another event bus: the event is put there, with its own source, type, time and resources."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id
from nightbus.bus.envelope import with_id
from nightbus.bus.json_text import parse_json, write_json
from nightbus.delivery.interface import (
    Delivered,
    Delivery,
    Event,
    Failed,
    Matched,
    Outcome,
    Placing,
    TargetContext,
)
from nightbus.delivery.targets.outcomes import failed


async def place(matched: Matched, placing: Placing) -> str | None:
    """The id of the event on the other bus; None where that bus does not take it, or the input is made."""
    if placing.forward is None or not matched.whole:
        return None
    arn = Arn.parse(matched.target["Arn"])
    scope, bus = Scope(arn.account, arn.region), arn.resource.removeprefix("event-bus/")
    event_id = new_event_id(matched.time)
    text = with_id(matched.input, matched.event_id, event_id)
    taken = await placing.forward(matched, scope, bus, Event(event_id, text))
    return event_id if taken else None


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome:
    event = parse_json(delivery.input.decode())
    if not isinstance(event, dict) or not {"source", "detail-type", "detail", "time"} <= set(event):
        return Failed("INVALID_JSON", "What an event bus gets as its input must be a whole event.", True)
    entry = {
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": write_json(event["detail"]),
        "Resources": event.get("resources", []),
        "Time": datetime.fromisoformat(event["time"]),
        "EventBusName": delivery.target["Arn"],
    }
    if delivery.trace:
        entry["TraceHeader"] = delivery.trace
    # Put from the rule's account and region, which the envelope then names; the ARN says where it goes.
    call = replace(ctx.call, scope=delivery.scope)
    try:
        reply = await ctx.operations.call("events", "PutEvents", {"Entries": [entry]}, call)
    except AwsError as error:
        return failed(error)
    result = reply["Entries"][0]
    if "ErrorCode" in result:
        status = 500 if result["ErrorCode"] == "InternalFailure" else 400
        return failed(AwsError(result["ErrorCode"], result.get("ErrorMessage", ""), status))
    return Delivered(result["EventId"])
