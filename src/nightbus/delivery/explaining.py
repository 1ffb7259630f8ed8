"""What became of an event, and why did a rule not match it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import event_id_time
from nightbus.bus.envelope import SCHEDULED
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.explain import explain
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.patterns import matches, parse_pattern
from nightbus.delivery.history import Found, Placed, find_event
from nightbus.delivery.rules import Rule, history_log, outcome_log, rule_arn, rules_of
from nightbus.store.interface import Store


async def explain_event(store: Store, scope: Scope, event_id: str, only: str | None) -> dict[str, Any]:
    """`{"event": envelope, "bus", "account", "region", "rules": [...]}`, each rule with `rule`, `matched`, its
    `deliveries` (attempts in order: `time` in UTC ms, `target`, `attempt`, `outcome`, `code`, `message`) when it
    matched, else `why` in a sentence and `path`, `actual`, `wanted`, `hint` of the first field that did not.

    Rules are judged as they are now; a delivery that was made says that the rule matched then. Raises AwsError
    ResourceNotFoundException for an event or a rule that is not there.
    """
    accepted = await find_accepted(store, scope, event_id)
    bus = accepted.bus
    event = parse_json(accepted.text.decode())
    outcomes = await outcomes_of(store, scope, accepted, event_id)
    rules = {rule.name: rule for rule in await rules_of(store, scope, bus)}
    names = sorted({*rules, *(outcome["rule"] for outcome in outcomes)})
    if only is not None:
        if only not in names:
            raise AwsError("ResourceNotFoundException", f"Rule {only} does not exist on EventBus {bus}.")
        names = [only]
    told = []
    for name in names:
        mine = [outcome for outcome in outcomes if outcome["rule"] == name]
        told.append({"rule": name, **_judge(scope, rules.get(name), event, mine)})
    return {"event": event, "bus": bus, "account": scope.account, "region": scope.region, "rules": told}


async def outcomes_of(store: Store, scope: Scope, accepted: Found, event_id: str) -> list[dict[str, Any]]:
    """What became of the event at its targets, in order: attempts as `outcome_entry` writes them down."""
    written = await store.read(scope, outcome_log(accepted.bus), key=event_id, limit=10_000)
    placed = [_placed(accepted.time, one) for one in accepted.placed]
    return placed + [orjson.loads(found.data) for found in written]


def waiting_targets(rules: Iterable[Rule], event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rules and targets that get the event, as the rules are now."""
    for rule in rules:
        if rule.pattern is None or not rule.enabled or event["source"] == SCHEDULED:
            continue
        try:
            if matches(parse_pattern(rule.pattern), event):
                yield from ((rule.name, target) for target in rule.targets)
        except InvalidPattern:
            continue


def _placed(time: int, placed: Placed) -> dict[str, Any]:
    """What the event's own commit delivered, as an outcome."""
    rule, target, arn, request_id = placed
    return {
        "rule": rule,
        "target": target,
        "arn": arn,
        "attempt": 1,
        "time": time,
        "outcome": "delivered",
        "request_id": request_id,
    }


async def find_accepted(store: Store, scope: Scope, event_id: str) -> Found:
    """Raises AwsError ResourceNotFoundException."""
    prefix = history_log("")
    for log in await store.logs(scope, prefix) if event_id_time(event_id) is not None else ():
        found = await find_event(store, scope, log.removeprefix(prefix), event_id)
        if found is not None:
            return found
    raise AwsError("ResourceNotFoundException", f"Event {event_id} is in no bus's history.")


def _judge(
    scope: Scope, rule: Rule | None, event: dict[str, Any], outcomes: list[dict[str, Any]]
) -> dict[str, Any]:
    if outcomes or rule is None:
        return {"matched": True, "deliveries": outcomes}
    if not rule.enabled:
        return {"matched": False, "why": "the rule is disabled"}
    if event["source"] == SCHEDULED:
        own = rule_arn(scope, rule.bus, rule.name) in event["resources"]
        why = "the rule has no targets" if own else "what a schedule makes is for its own rule only"
        return {"matched": False, "why": why}
    if rule.pattern is None:
        return {"matched": False, "why": "the rule has no pattern, only its schedule triggers it"}
    try:
        reason = explain(parse_pattern(rule.pattern), event)
    except InvalidPattern as broken:
        return {"matched": False, "why": str(broken)}
    if reason is not None:
        wanted = ", ".join(str(one) for one in reason.wanted)
        had = ", ".join(_shown(one) for one in reason.actual) or "nothing"
        return {
            "matched": False,
            "why": f"{reason.path} is {had}, the rule wants {wanted}: {reason.hint}",
            "path": reason.path,
            "actual": list(reason.actual),
            "wanted": list(reason.wanted),
            "hint": reason.hint,
        }
    if not rule.targets:
        return {"matched": True, "deliveries": [], "note": "the rule has no targets"}
    return {"matched": True, "deliveries": []}


def _shown(value: Any) -> str:
    return write_json(value)
