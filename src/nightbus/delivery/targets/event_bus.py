"""Puts an event on another event bus.

The event that a rule matched keeps its source, type, time and resources: one of a replay its replay's name, one of a
schedule its source. `deliver_inline` puts it in the event's own commit where that bus takes it at once; `deliver` says
why a bus does not take it. An origin that is not a rule sends a detail, and names the other fields in its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id
from nightbus.aws.threads import aside
from nightbus.bus.envelope import EnvelopeWriter, Problem, with_id
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.transform import CHOICES
from nightbus.delivery.buses import Bus, put_events_need
from nightbus.delivery.history import find_event
from nightbus.delivery.interface import Batch, Event, Matched, OpenCommit, Overloaded
from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext
from nightbus.delivery.rule_origin import RuleJob, RuleOrigin
from nightbus.delivery.targets.outcomes import failed

_NO_EVENT = Problem("INVALID_JSON", "What an event bus gets as its input must be a whole event.")
_NEEDED = {"source": str, "detail-type": str, "detail": dict, "time": str}


async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
    """The id of the event on the other bus; None where that bus does not take it, or the input is made."""
    if not matched.whole:
        return None
    scope, bus = _scope_and_bus(matched.target)
    event_id = new_event_id(matched.time)
    text = with_id(matched.input, matched.event_id, event_id)
    taken = await commit.forward(matched, scope, bus, Event(event_id, text))
    return event_id if taken else None


def _scope_and_bus(target: Mapping[str, Any]) -> tuple[Scope, str]:
    arn = Arn.parse(target["Arn"])
    return Scope(arn.account, arn.region), arn.resource.removeprefix("event-bus/")


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    if isinstance(job.origin, RuleOrigin):
        return await _forward(job, ctx)
    return await _put(job, ctx)


async def _put(job: Job[Any], ctx: TargetContext) -> Outcome:
    """The input is the detail of an event, whose other fields the target's settings name.

    https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetEventBridgeEventBusParameters.html
    """
    settings = job.target.get("EventBridgeEventBusParameters") or {}
    missing = [name for name in ("Source", "DetailType") if not settings.get(name)]
    if missing:
        return Failed("InvalidInput", f"The target does not say {' and '.join(missing)} of the event.", True)
    names = ("Source", "DetailType", "Resources")
    entry = {name: settings[name] for name in names if name in settings}
    entry |= {"EventBusName": job.address, "Detail": job.input.decode()}
    try:
        reply = await ctx.operations.call("events", "PutEvents", {"Entries": [entry]}, ctx.call)
    except AwsError as error:
        return failed(error)
    (answer,) = reply["Entries"]
    if answer.get("ErrorCode"):
        return failed(AwsError(answer["ErrorCode"], answer.get("ErrorMessage", "")))
    return Delivered(answer["EventId"])


async def _forward(job: RuleJob, ctx: TargetContext) -> Outcome:
    """The event that the rule matched, or what the rule's target made of it, as a whole event."""
    if job.origin.stays:
        code = "ThirdAccountHop" if ctx.call.scope.region == job.origin.scope.region else "ThirdRegionHop"
        return Failed(code, "An event that came from another event bus is sent to no further one.", True)
    scope, name = _scope_and_bus(job.target)
    bus = await ctx.router.buses.find(scope, name)
    if not bus.exists:
        return Failed("ResourceNotFoundException", f"Event bus {name} does not exist.", True)
    now, caller = ctx.clock.now_ms(), ctx.call.caller
    event_id = new_event_id(now)
    text = await _text(job, ctx, event_id)
    if isinstance(text, Problem):
        return Failed(text.code, text.message, True)
    refused = await _refusal(job, ctx, bus, text)
    if refused is not None:
        return refused
    batch = Batch(
        scope, name, [Event(event_id, text)], now, job.trace, True, ctx.call.request_id, caller.account,
        publisher=caller.arn,
    )  # fmt: skip
    try:
        await ctx.router.put([batch])
    except Overloaded:
        return Failed("ThrottlingException", "Rate exceeded", False)
    return Delivered(event_id)


async def _refusal(job: RuleJob, ctx: TargetContext, bus: Bus, text: bytes) -> Failed | None:
    """Return why the bus does not take the event: the target's role may not put it, or the bus's policy forbids it."""
    caller = ctx.call.caller
    is_by_role = bool(job.target.get("RoleArn")) and ctx.authorizer is not None
    if bus.is_open_to(caller) and not is_by_role:
        return None
    event = await aside(len(text), parse_json, text.decode())
    if is_by_role and ctx.authorizer is not None:
        need = put_events_need(bus.arn, event["source"], event["detail-type"])
        try:
            await ctx.authorizer.authorize("events:PutEvents", [need], ctx.call)
        except AwsError as error:
            return failed(error)
        if not ctx.authorizer.enforces:
            return None
    refusal = bus.refusal(caller, event["source"], event["detail-type"])
    return Failed("AccessDeniedException", refusal, True) if refusal else None


async def _text(job: RuleJob, ctx: TargetContext, event_id: str) -> Problem | bytes:
    """The event under its id on the other bus."""
    if all(job.target.get(choice) is None for choice in CHOICES):
        return with_id(job.input, job.origin.event_id, event_id)
    made = await aside(len(job.input), parse_json, job.input.decode())
    if not isinstance(made, dict) or not all(
        isinstance(made.get(one), kind) for one, kind in _NEEDED.items()
    ):
        return _NO_EVENT
    accepted = await find_event(
        ctx.store, job.origin.scope, job.origin.bus, job.origin.event_id, job.accepted
    )
    if accepted is not None and await aside(len(accepted.text), parse_json, accepted.text.decode()) == made:
        return with_id(accepted.text, job.origin.event_id, event_id)
    entry = {
        "Source": made["source"],
        "DetailType": made["detail-type"],
        "Detail": write_json(made["detail"]),
        "Resources": made.get("resources", []),
    }
    try:
        time = datetime.fromisoformat(made["time"])
        entry["Time"] = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter of a time that is before the year 1 in UTC
        return _NO_EVENT
    # Made on the rule's side, whose account and region the envelope then names.
    now = datetime.fromtimestamp(ctx.clock.now_ms() / 1000, UTC)
    return await aside(len(job.input), EnvelopeWriter(*job.origin.scope, now).write, entry, event_id)
