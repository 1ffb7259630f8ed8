"""Follows an event over rules and attempts to the events that functions made of it.

What is older than the history is kept is left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.bus.json_text import parse_json
from nightbus.bus.transform import render_input
from nightbus.delivery.history import AcceptedEvent, DeliveryNote, find_event, made_by
from nightbus.delivery.rules import RULE, Rule, rule_arn, rule_key
from nightbus.delivery.trace_log import Publication, SentEvent
from nightbus.store.interface import Store
from nightbus.tracing.explanation import find_accepted, outcomes_of
from nightbus.tracing.invocations import Done, LoggedBy, LogRefusal, invocations_of
from nightbus.tracing.upstream import causes_of

MOST_EVENTS = 200  # in one tree
MOST_INVOCATIONS = 500
_DEEPEST = 20
_CUT = "the tree ends here: too much follows"


async def trace_event(
    store: Store, scope: Scope, event_id: str, logged_by: LoggedBy, log_refusal: LogRefusal | None = None
) -> dict[str, Any]:
    """The event as a tree (docs/explaining.md has its shape), with `caused_by`, the nearest cause first. With
    `log_refusal` runs without log lines say why they have none.

    Raises AwsError ResourceNotFoundException when the history of the scope holds no such event.
    """
    accepted = await find_accepted(store, scope, event_id)
    tree = await _Tree(store, logged_by, log_refusal).event(scope, accepted, event_id, 1)
    return {"caused_by": await causes_of(store, logged_by, event_id, accepted.time), **tree}


class _Tree:
    """`seen` keeps what is shown already from being shown again: a function may well trigger itself."""

    def __init__(self, store: Store, logged_by: LoggedBy, log_refusal: LogRefusal | None) -> None:
        self._store = store
        self._logged_by = logged_by
        self._log_refusal = log_refusal
        self._seen: set[tuple[Scope, str, str]] = set()
        self._invocations: set[str] = set()

    async def event(self, scope: Scope, accepted: AcceptedEvent, event_id: str, depth: int) -> dict[str, Any]:
        event = parse_json(accepted.text.decode())
        node = {
            "event": event,
            "bus": accepted.bus,
            "account": scope.account,
            "region": scope.region,
            "time": accepted.time,
        }
        key = (scope, accepted.bus, event_id)
        if key in self._seen or depth > _DEEPEST or self._full:
            return node | {"rules": [], "cut": "shown above" if key in self._seen else _CUT}
        self._seen.add(key)
        by_rule: dict[str, list[dict[str, Any]]] = {}
        for placed, attempts in await _asked(self._store, scope, accepted, event_id):
            target = await self._target(scope, accepted, event, placed, attempts, depth)
            by_rule.setdefault(placed.rule, []).append(target)
        return node | {"rules": [{"rule": rule, "targets": targets} for rule, targets in by_rule.items()]}

    @property
    def _full(self) -> bool:
        return len(self._seen) >= MOST_EVENTS or len(self._invocations) >= MOST_INVOCATIONS

    async def _target(
        self,
        scope: Scope,
        accepted: AcceptedEvent,
        event: dict[str, Any],
        placed: DeliveryNote,
        attempts: list[dict[str, Any]],
        depth: int,
    ) -> dict[str, Any]:
        shown_input = await _input(self._store, scope, accepted, event, placed, attempts)
        shown = [
            await self._attempt(scope, accepted.bus, event["id"], one, shown_input["input"], depth)
            for one in attempts
        ]
        state = attempts[-1]["outcome"] if attempts else "under way"
        return {"id": placed.target, "arn": placed.arn, **shown_input, "state": state, "attempts": shown}

    async def _attempt(
        self,
        scope: Scope,
        bus: str,
        event_id: str,
        outcome: dict[str, Any],
        target_input: str | None,
        depth: int,
    ) -> dict[str, Any]:
        """The outcome, and what followed from it."""
        left_out = (
            "rule",
            "target",
            "arn",
            "accepted",
            *(("input",) if outcome.get("input") == target_input else ()),
        )
        attempt = {name: value for name, value in outcome.items() if name not in left_out}
        if "accepted" in outcome:
            again = await find_event(self._store, scope, bus, event_id, outcome["accepted"])
            attempt["replay"] = parse_json(again.text.decode()).get("replay-name", "") if again else ""
        arn, name = outcome["arn"], outcome.get("request_id")
        if "dead_letter_id" in outcome:
            arn, name = outcome["dead_letter"], outcome["dead_letter_id"]
        if not name:
            return attempt
        if ":event-bus/" in arn:
            target_arn = Arn.parse(arn)
            there = (
                Scope(target_arn.account, target_arn.region),
                target_arn.resource.removeprefix("event-bus/"),
            )
            child = await self._child(*there, name, depth)
            return attempt | {"events": [child] if child else []}
        invocations = await self._invocations_of(arn, name, depth)
        return attempt | ({"invocations": invocations} if invocations else {})

    async def _invocations_of(self, arn: str, name: str, depth: int) -> list[dict[str, Any]]:
        """The invocations that followed from the message or the request `name` of the queue, topic or function
        `arn`."""
        return [
            await self._followed(invocation, done, depth)
            for invocation, done in await invocations_of(
                self._store, self._logged_by, arn, name, self._log_refusal
            )
        ]

    async def _followed(self, invocation: dict[str, Any], done: Done, depth: int) -> dict[str, Any]:
        if invocation["request_id"] in self._invocations:  # it got several messages of this tree
            return {**invocation, "runs": [], "cut": "shown above"}
        self._invocations.add(invocation["request_id"])
        for run, acts in zip(invocation["runs"], done, strict=True):
            run["events"], run["sent"] = [], []
            for act in acts:
                for name in act.ids:
                    if self._full or depth > _DEEPEST:
                        run["cut"] = _CUT
                    elif isinstance(act, SentEvent):
                        run["sent"].append(await self._sent(act, name, depth))
                    else:
                        run["events"] += await self._published(act, name, depth)
        return invocation

    async def _sent(self, act: SentEvent, name: str, depth: int) -> dict[str, Any]:
        invocations = await self._invocations_of(act.to, name, depth + 1)
        return {"to": act.to, "id": name, "time": act.time, "invocations": invocations}

    async def _published(self, act: Publication, name: str, depth: int) -> list[dict[str, Any]]:
        child = await self._child(act.scope, act.bus, name, depth)
        return [] if child is None else [child]

    async def _child(self, scope: Scope, bus: str, event_id: str, depth: int) -> dict[str, Any] | None:
        accepted = await find_event(self._store, scope, bus, event_id)
        return None if accepted is None else await self.event(scope, accepted, event_id, depth + 1)


async def _asked(
    store: Store, scope: Scope, accepted: AcceptedEvent, event_id: str
) -> list[tuple[DeliveryNote, list[dict[str, Any]]]]:
    """Each target that the event was for, by the rules as they were then, with what became of it, in order."""
    deliveries: dict[tuple[str, str, str], tuple[DeliveryNote, list[dict[str, Any]]]] = {}
    for placed in accepted.placed:
        deliveries[placed[:3]] = (placed, [])
    for one in await outcomes_of(store, scope, accepted, event_id):
        key = (one["rule"], one["target"], one["arn"])
        deliveries.setdefault(key, (DeliveryNote(*key, None), []))[1].append(one)
    return [deliveries[key] for key in sorted(deliveries)]


async def _input(
    store: Store,
    scope: Scope,
    accepted: AcceptedEvent,
    event: dict[str, Any],
    placed: DeliveryNote,
    attempts: list[dict[str, Any]],
) -> dict[str, Any]:
    """`input` is what the target got, None where that is the event itself, or where it is not known (`why`)."""
    for one in attempts:
        if "input" in one:
            return {"input": str(one["input"])}
    if not placed.made:
        return {"input": None}
    # What is placed in the event's own commit is not kept; a target that is as it was makes the same of it again.
    record = await store.get(scope, RULE, rule_key(accepted.bus, placed.rule))
    rule = None if record is None else Rule.of(record)
    targets = rule.targets if rule is not None else ()
    target = next(
        (one for one in targets if one["Id"] == placed.target and made_by(one) == placed.made), None
    )
    if target is None:
        return {"input": None, "why": "the rule was changed since; what it made of the event is not kept"}
    ingestion = datetime.fromtimestamp(accepted.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    arn = rule_arn(scope, accepted.bus, placed.rule)
    return {
        "input": render_input(target, event, rule_arn=arn, rule_name=placed.rule, ingestion_time=ingestion)
    }
