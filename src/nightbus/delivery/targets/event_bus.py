"""Another event bus: the event is put there, with its own source, type, time and resources."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nightbus.aws.errors import AwsError
from nightbus.bus.json_text import parse_json, write_json
from nightbus.delivery.interface import Delivered, Delivery, Failed, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed


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
        return Failed(result["ErrorCode"], result.get("ErrorMessage", ""), permanent=False)
    return Delivered(result["EventId"])
