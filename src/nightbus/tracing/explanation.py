"""Explains what became of an event, and why a rule did not match it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import event_id_time
from nightbus.aws.threads import aside
from nightbus.bus.envelope import is_scheduled
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.patterns import matches, parse_pattern
from nightbus.bus.patterns.explanation import explain, reason_fields
from nightbus.bus.patterns.fields import Leaves, leaves_of
from nightbus.delivery.buses import Bus
from nightbus.delivery.history import AcceptedEvent, DeliveryNote, find_event
from nightbus.delivery.rules import BUS, RULE, Rule, history_log, outcome_log, rule_arn, rules_of
from nightbus.store.interface import Store

_MOST_ELSEWHERE = 10
_AS_LONG_AS = 4_000  # characters: to judge an event by one rule takes as long as to parse so many
_MATCHED = (-1, 0)
_MOST_PARSED = 500  # patterns of rules: to parse them is half of what an explanation takes
_FARTHEST = (1_000_000, 0)  # of rules whose pattern decides nothing


_parsed = functools.lru_cache(_MOST_PARSED)(parse_pattern)


class _Verdict(NamedTuple):
    """What the explanation says of a rule, and how near the event came to it."""

    facts: dict[str, Any]
    distance: tuple[int, int]


_Asked = tuple[
    str, Rule | None, list[dict[str, Any]]
]  # a rule's name, the rule if it is to be judged, outcomes


class NotInHistory(AwsError):
    """No bus of the account in the region accepted such an event, or it was too long ago."""


async def explain_event(store: Store, scope: Scope, event_id: str, only: str | None) -> dict[str, Any]:
    """`{"event": envelope, "bus", "account", "region", "rules": [...]}`, each rule with `rule`, `matched`, its
    `deliveries` (attempts in order: `time` in UTC ms, `target`, `attempt`, `outcome`, `code`, `message`) when it
    matched, else `why` in a sentence and `path`, `actual`, `wanted`, `hint` of the first field that did not. Those that
    matched come first, and then the nearest.

    Where none matched, `elsewhere` names rules of other buses that would have. `bus_exists` is there, and false, where
    the event was put on a bus that is not there: PutEvents takes it, as on AWS, and nobody gets it.
    Rules are judged as they are now; a delivery that was made or asked for says that the rule matched then. Raises
    AwsError ResourceNotFoundException for an event or a rule that is not there.
    """
    accepted = await find_accepted(store, scope, event_id)
    bus = accepted.bus
    event = parse_json(accepted.text.decode())
    outcomes = await outcomes_of(store, scope, accepted, event_id)
    rules = {rule.name: rule for rule in await rules_of(store, scope, bus)}
    matched = {one.rule for one in accepted.placed}
    names = sorted({*rules, *matched, *(outcome["rule"] for outcome in outcomes)})
    if only is not None:
        if only not in names:
            raise await _no_rule(store, scope, bus, only)
        names = [only]
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for outcome in outcomes:
        by_rule.setdefault(outcome["rule"], []).append(outcome)
    asked = [(name, None if name in matched else rules.get(name), by_rule.get(name, [])) for name in names]
    ranked = await aside(len(asked) * _AS_LONG_AS, _ranked, scope, event, asked)
    return await _answer(store, scope, bus, event, ranked, only)


async def explain_unput(
    store: Store, scope: Scope, bus: str, event: dict[str, Any], only: str | None = None
) -> dict[str, Any]:
    """What the rules of a bus would make of an event that nobody has put; as `explain_event`, without deliveries."""
    rules = {rule.name: rule for rule in await rules_of(store, scope, bus)}
    if only is not None and only not in rules:
        raise await _no_rule(store, scope, bus, only)
    asked: list[_Asked] = [(name, rule, []) for name, rule in rules.items() if only in (None, name)]
    ranked = await aside(len(asked) * _AS_LONG_AS, _ranked, scope, event, asked)
    return await _answer(store, scope, bus, event, ranked, only)


async def _answer(
    store: Store,
    scope: Scope,
    bus: str,
    event: dict[str, Any],
    ranked: list[dict[str, Any]],
    only: str | None,
) -> dict[str, Any]:
    answer: dict[str, Any] = {"event": event, "bus": bus, "rules": ranked}
    answer |= {"account": scope.account, "region": scope.region}
    if not ranked and not Bus.of(scope, bus, await store.get(scope, BUS, bus)).exists:
        answer["bus_exists"] = False
    if only is None and not any(rule["matched"] for rule in ranked):
        answer["elsewhere"] = await _elsewhere(store, scope, bus, event)
    return answer


def explain_pattern(pattern: Any, event: dict[str, Any]) -> dict[str, Any]:
    """The pattern's JSON, as a text or a value, against the event. Raises AwsError InvalidEventPatternException."""
    try:
        parsed = parse_pattern(pattern if isinstance(pattern, str) else write_json(pattern))
    except InvalidPattern as broken:
        raise AwsError("InvalidEventPatternException", str(broken)) from broken
    reason = explain(parsed, event)
    return {"event": event, **({"matched": True} if reason is None else reason_fields(reason))}


def _ranked(scope: Scope, event: dict[str, Any], asked: Sequence[_Asked]) -> list[dict[str, Any]]:
    leaves = leaves_of(event)
    judged = [(name, _judge(scope, rule, event, leaves, outcomes)) for name, rule, outcomes in asked]
    ordered = sorted(judged, key=lambda one: (one[1].distance, one[0]))
    return [{"rule": name, **verdict.facts} for name, verdict in ordered]


async def _no_rule(store: Store, scope: Scope, bus: str, name: str) -> AwsError:
    """It is easily looked for on the wrong bus."""
    others = [
        record.value["EventBusName"]
        for record in await store.list(scope, RULE)
        if record.value["Name"] == name
    ]
    hint = f" It is on EventBus {', '.join(others)}, and the event is not." if others else ""
    return AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.{hint}")


async def _elsewhere(store: Store, scope: Scope, bus: str, event: dict[str, Any]) -> list[dict[str, str]]:
    """Rules of other buses that the event would match, had it been put there; the nearest buses first."""
    elsewhere: list[dict[str, str]] = []
    for other_scope in await store.scopes(RULE):
        rules = [Rule.of(record) for record in await store.list(other_scope, RULE)]
        others = [rule for rule in rules if (other_scope, rule.bus) != (scope, bus)]
        elsewhere += [
            {"rule": rule.name, "bus": rule.bus, "account": other_scope.account, "region": other_scope.region}
            for rule in await aside(
                len(others) * _AS_LONG_AS, lambda rules: list(matching_rules(rules, event)), others
            )
        ]
    elsewhere.sort(
        key=lambda one: (one["account"] != scope.account, one["region"] != scope.region, *one.values())
    )
    return elsewhere[:_MOST_ELSEWHERE]


async def outcomes_of(
    store: Store, scope: Scope, accepted: AcceptedEvent, event_id: str
) -> list[dict[str, Any]]:
    """What became of the event at its targets, in order: attempts as `outcome_entry` writes them down."""
    written = await store.read(scope, outcome_log(accepted.bus), key=event_id, limit=10_000)
    placed = [_placed(accepted.time, one) for one in accepted.placed if one.name is not None]
    return placed + [orjson.loads(entry.data) for entry in written]


def matching_rules(rules: Iterable[Rule], event: dict[str, Any]) -> Iterator[Rule]:
    """The rules whose targets would get the event now."""
    for rule in rules:
        if rule.pattern is None or not rule.enabled or is_scheduled(event):
            continue
        with suppress(InvalidPattern):
            if matches(_parsed(rule.pattern), event):
                yield rule


def _placed(time: int, placed: DeliveryNote) -> dict[str, Any]:
    """What the event's own commit delivered, as an outcome."""
    return {
        "rule": placed.rule,
        "target": placed.target,
        "arn": placed.arn,
        "attempt": 1,
        "time": time,
        "outcome": "delivered",
        "request_id": placed.name,
    }


async def find_accepted(store: Store, scope: Scope, event_id: str) -> AcceptedEvent:
    """Raises AwsError ResourceNotFoundException."""
    prefix = history_log("")
    for log in await store.logs(scope, prefix) if event_id_time(event_id) is not None else ():
        accepted = await find_event(store, scope, log.removeprefix(prefix), event_id)
        if accepted is not None:
            return accepted
    raise NotInHistory("ResourceNotFoundException", f"Event {event_id} is in no bus's history.")


def _judge(
    scope: Scope,
    rule: Rule | None,
    event: dict[str, Any],
    leaves: Leaves,
    outcomes: list[dict[str, Any]],
) -> _Verdict:
    if outcomes or rule is None:
        return _Verdict({"matched": True, "deliveries": outcomes}, _MATCHED)
    if not rule.enabled:
        return _Verdict({"matched": False, "why": "the rule is disabled"}, _distance(rule, event))
    if is_scheduled(event) and "id" in event:
        own = rule_arn(scope, rule.bus, rule.name) in event["resources"]
        why = "the rule has no targets" if own else "what a schedule makes is for its own rule only"
        return _Verdict({"matched": False, "why": why}, _FARTHEST)
    if rule.pattern is None:
        why = "the rule has no pattern, only its schedule triggers it"
        return _Verdict({"matched": False, "why": why}, _FARTHEST)
    try:
        reason = explain(_parsed(rule.pattern), event, leaves)
    except InvalidPattern as broken:
        return _Verdict({"matched": False, "why": str(broken)}, _FARTHEST)
    if reason is not None:
        return _Verdict(reason_fields(reason), reason.distance)
    note = {} if rule.targets else {"note": "the rule has no targets"}
    return _Verdict({"matched": True, "deliveries": [], **note}, _MATCHED)


def _distance(rule: Rule, event: dict[str, Any]) -> tuple[int, int]:
    """How near the event came to the pattern of a rule that is disabled."""
    if rule.pattern is None:
        return _FARTHEST
    with suppress(InvalidPattern):
        reason = explain(_parsed(rule.pattern), event)
        return (0, 0) if reason is None else reason.distance
    return _FARTHEST
