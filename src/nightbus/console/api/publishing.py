"""Puts events, and puts events of the history again: `POST /events`, `POST /events/replay`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from nightbus.aws.arn import last_part
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.bus.json_text import write_json
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import Answer, Body, Milliseconds
from nightbus.delivery.archives import replayed
from nightbus.delivery.history import AcceptedEvent
from nightbus.delivery.interface import Audience, Batch, Event, Overloaded
from nightbus.delivery.rules import DEFAULT_BUS, RULE, rule_key
from nightbus.tracing.explanation import find_accepted

_MOST_REPLAYED = 100
_MOST_BYTES = 4 * 1024 * 1024


class NewEvent(Body, frozen=True, kw_only=True):
    """An event to be put, as an entry of PutEvents. `detail` is a JSON object, or its text."""

    source: str
    detail_type: str
    detail: Any
    bus: str = DEFAULT_BUS
    resources: list[str] = msgspec.field(default_factory=list)
    time: Milliseconds | None = None


class PutEvent(Answer, frozen=True):
    id: str


class ReplayedIds(Body, frozen=True, kw_only=True):
    """Events of the history; with `rule`, a name or an ARN, for this rule only."""

    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_MOST_REPLAYED)]
    rule: str = ""


class ReplayOutcome(Answer, frozen=True):
    """`rules` are those that got the event again. Where `replayed` is false, `message` says why."""

    id: str
    replayed: bool
    rules: list[str]
    message: str


class ReplayOutcomes(Answer, frozen=True):
    """`name` is what the events have as their `replay-name`."""

    name: str
    events: list[ReplayOutcome]


async def put_event(request: ApiRequest, body: NewEvent) -> PutEvent:
    """Put an event by PutEvents."""
    entry: dict[str, Any] = {
        "EventBusName": body.bus,
        "Source": body.source,
        "DetailType": body.detail_type,
        "Detail": body.detail if isinstance(body.detail, str) else write_json(body.detail),
        "Resources": body.resources,
    }
    if body.time is not None:
        entry["Time"] = datetime.fromtimestamp(body.time / 1000, UTC)
    reply = await request.change("events", "PutEvents", Entries=[entry])
    result = reply["Entries"][0]
    if "ErrorCode" in result:
        raise AwsError(result["ErrorCode"], result["ErrorMessage"])
    return PutEvent(id=result["EventId"])


async def replay_events(request: ApiRequest, body: ReplayedIds) -> ReplayOutcomes:
    """Put events of the history on their buses again.

    As a replay of an archive does: under their ids, with a `replay-name`, and to rules that match them now.
    EventBridge has no operation for this, so the trail does not have it.
    """
    name, rule = f"console-{new_hex()[:12]}", last_part(body.rule) if body.rule else ""
    outcomes: list[ReplayOutcome] = []
    due: list[tuple[AcceptedEvent, Event]] = []
    for event_id in dict.fromkeys(body.ids):
        try:
            accepted = await find_accepted(request.store, request.scope, event_id)
        except AwsError as gone:
            outcomes.append(ReplayOutcome(id=event_id, replayed=False, rules=[], message=gone.message))
            continue
        event = Event(event_id, replayed(accepted.text, name))
        outcome = await _outcome(request, accepted.bus, event, rule)
        outcomes.append(outcome)
        if outcome.replayed:
            due.append((accepted, event))
    await _put(request, due, rule)
    return ReplayOutcomes(name=name, events=outcomes)


async def _outcome(request: ApiRequest, bus: str, event: Event, rule: str) -> ReplayOutcome:
    matching = await request.platform.router.matching(request.scope, bus, event.text)
    rules = [one for one in matching if rule in ("", one)]
    if rules or not rule:
        return ReplayOutcome(id=event.id, replayed=True, rules=rules, message="")
    known = await request.store.get(request.scope, RULE, rule_key(bus, rule))
    why = "does not match the event now" if known else f"is no rule of bus {bus}"
    return ReplayOutcome(id=event.id, replayed=False, rules=[], message=f"{rule} {why}.")


async def _put(request: ApiRequest, due: Sequence[tuple[AcceptedEvent, Event]], rule: str) -> None:
    if sum(len(event.text) for _, event in due) > _MOST_BYTES:
        raise AwsError(
            "ValidationException", f"The events have more than {_MOST_BYTES >> 20} MB; choose fewer."
        )
    audience = Audience(frozenset({rule}), by_pattern=True) if rule else None
    by_bus: dict[str, list[Event]] = {}
    for accepted, event in due:
        by_bus.setdefault(accepted.bus, []).append(event)
    now = request.now_ms()
    batches = [Batch(request.scope, bus, events, now, audience=audience) for bus, events in by_bus.items()]
    if batches:
        try:
            await request.platform.router.put(batches)
        except Overloaded:
            raise AwsError("ThrottlingException", "Too many deliveries wait; try again later.", 429) from None
