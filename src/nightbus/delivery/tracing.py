"""Which way did an event go? From who published it, over rules and attempts, to the events that functions made of it.

What is older than the history is kept is left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import segment_of
from nightbus.bus.json_text import parse_json
from nightbus.bus.transform import CHOICES, render_input
from nightbus.delivery.causes import Publication, consumers_of, origin_of, publication_of, published_in
from nightbus.delivery.explaining import find_accepted, matching_rules, outcomes_of
from nightbus.delivery.history import Found, find_event
from nightbus.delivery.rules import Rule, rule_arn, rules_of
from nightbus.store.interface import Store

MOST_EVENTS = 200  # in one tree
_DEEPEST = 20
_SESSION = ":assumed-role/"

# A function's ARN and an invocation's segment → each time it ran: `request_id` and `log`.
RunsOf = Callable[[str, str], Awaitable[list[dict[str, Any]]]]


async def trace_event(store: Store, scope: Scope, event_id: str, runs_of: RunsOf) -> dict[str, Any]:
    """The event as a tree (docs/explaining.md has its shape), with `caused_by`, the nearest cause first.

    Raises AwsError ResourceNotFoundException when the history of the scope holds no such event.
    """
    found = await find_accepted(store, scope, event_id)
    tree = _Tree(store, runs_of)
    return {
        "caused_by": await tree.causes(event_id, found.time),
        **await tree.event(scope, found, event_id, 1),
    }


class _Tree:
    """`seen` keeps what is shown already from being shown again: a function may well trigger itself."""

    def __init__(self, store: Store, runs_of: RunsOf) -> None:
        self._store = store
        self._runs_of = runs_of
        self._seen: set[tuple[Scope, str, str, int]] = set()

    async def causes(self, event_id: str, time: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while len(found) < _DEEPEST:
            publication = await publication_of(self._store, event_id, time)
            if publication is None:
                break
            origin = await origin_of(self._store, publication.segment)
            cause = await self._publisher(publication)
            found.append(cause)
            if origin is None:
                break
            cause |= {"event_id": origin.event_id, "bus": origin.bus, "rule": origin.rule}
            event_id, time = origin.event_id, origin.time
        return found

    async def _publisher(self, publication: Publication) -> dict[str, Any]:
        """Within a function the session is called as the function is."""
        by = publication.by
        if _SESSION not in by:
            return {"by": by}
        function = by.rpartition("/")[2]
        account, region = Arn.parse(by).account, publication.scope.region
        arn = f"arn:{Arn.parse(by).partition}:lambda:{region}:{account}:function:{function}"
        runs = await self._runs_of(arn, publication.segment)
        return {"by": by, "function": function} | ({"request_id": runs[0]["request_id"]} if runs else {})

    async def event(self, scope: Scope, found: Found, event_id: str, depth: int) -> dict[str, Any]:
        event = parse_json(found.text.decode())
        told = {
            "event": event, "bus": found.bus, "account": scope.account, "region": scope.region, "time": found.time,
        }  # fmt: skip
        place = (scope, found.bus, event_id, found.time)
        if place in self._seen or depth > _DEEPEST or len(self._seen) >= MOST_EVENTS:
            why = "shown above" if place in self._seen else "the tree ends here: it has too many events"
            return told | {"rules": [], "cut": why}
        self._seen.add(place)
        rules = {rule.name: rule for rule in await rules_of(self._store, scope, found.bus)}
        outcomes = await outcomes_of(self._store, scope, found, event_id)
        targets: dict[tuple[str, str, str], list[dict[str, Any]]] = {
            (rule.name, target["Id"], target["Arn"]): []
            for rule in matching_rules(rules.values(), event)
            for target in rule.targets
        }
        for one in outcomes:
            targets.setdefault((one["rule"], one["target"], one["arn"]), []).append(one)
        by_rule: dict[str, list[dict[str, Any]]] = {}
        for (rule, target_id, arn), attempts in sorted(targets.items(), key=lambda item: item[0][:2]):
            shown = {
                "id": target_id,
                "arn": arn,
                "input": self._input(scope, found, event, rules.get(rule), target_id, attempts),
                "state": attempts[-1]["outcome"] if attempts else "nothing delivered yet",
                "attempts": [_attempt(one) for one in attempts],
            }
            shown |= await self._beyond(arn, attempts, depth)
            by_rule.setdefault(rule, []).append(shown)
        return told | {"rules": [{"rule": rule, "targets": shown} for rule, shown in by_rule.items()]}

    def _input(
        self,
        scope: Scope,
        found: Found,
        event: dict[str, Any],
        rule: Rule | None,
        target_id: str,
        attempts: list[dict[str, Any]],
    ) -> str | None:
        """What the target got, None where that is the event itself."""
        for one in attempts:
            if "input" in one:
                return str(one["input"])
        target = next((one for one in rule.targets if one["Id"] == target_id), None) if rule else None
        if rule is None or target is None or all(target.get(choice) is None for choice in CHOICES):
            return None
        # What is placed in the event's own commit is not kept; the rule makes the same of it again.
        ingestion = datetime.fromtimestamp(found.time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return render_input(
            target,
            event,
            rule_arn=rule_arn(scope, rule.bus, rule.name),
            rule_name=rule.name,
            ingestion_time=ingestion,
        )

    async def _beyond(self, arn: str, attempts: list[dict[str, Any]], depth: int) -> dict[str, Any]:
        """What followed from a target that got it: a function's run and its events, or the event on another bus."""
        delivered = [one for one in attempts if one["outcome"] == "delivered"]
        if ":event-bus/" in arn and delivered:
            return await self._forwarded(Arn.parse(arn), delivered[-1].get("request_id", ""), depth)
        if not delivered or not delivered[-1].get("request_id"):
            return {}
        if arn.split(":")[2] in ("sqs", "sns"):
            return await self._consumed(delivered[-1]["request_id"], depth)
        return (
            await self._ran(arn, segment_of(delivered[-1]["request_id"]), depth)
            if ":function:" in arn
            else {}
        )

    async def _ran(self, arn: str, segment: str, depth: int) -> dict[str, Any]:
        events = [
            await self._child(publication.scope, publication.bus, child, depth)
            for publication in await published_in(self._store, segment)
            for child in publication.ids
        ]
        return {"runs": await self._runs_of(arn, segment), "events": [one for one in events if one]}

    async def _consumed(self, message_id: str, depth: int) -> dict[str, Any]:
        """By functions that read the queue, or subscribe to the topic."""
        found = [
            await self._ran(function, segment, depth)
            for function, segment in await consumers_of(self._store, message_id)
        ]
        if not found:
            return {}
        return {name: [item for one in found for item in one[name]] for name in ("runs", "events")}

    async def _child(self, scope: Scope, bus: str, event_id: str, depth: int) -> dict[str, Any] | None:
        found = await find_event(self._store, scope, bus, event_id)
        return None if found is None else await self.event(scope, found, event_id, depth + 1)

    async def _forwarded(self, arn: Arn, event_id: str, depth: int) -> dict[str, Any]:
        """On another bus it has another id, which the attempt has as its request's."""
        scope, bus = Scope(arn.account, arn.region), arn.resource.removeprefix("event-bus/")
        there = await self._child(scope, bus, event_id, depth)
        return {"events": [there] if there else []}


def _attempt(outcome: dict[str, Any]) -> dict[str, Any]:
    left_out = ("rule", "target", "arn", "input")
    return {name: value for name, value in outcome.items() if name not in left_out}
