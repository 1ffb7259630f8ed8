"""Explains an event for a reader who compares it with rules' patterns field by field."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns.field_verdicts import FieldVerdict, field_verdicts, nearness
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import Answer, Json, as_json, copied
from nightbus.delivery.rules import RULE, rule_key
from nightbus.tracing.explanation import NotInHistory, explain_event

_MOST_COMPARED = 50  # rules that did not match, the nearest first, whose fields are told


class FieldAnswer(Answer, frozen=True):
    """A field of a pattern. `verdict` is matched, missed or absent. The pointers say where the pattern has the field,
    and the event the value that decides ("" where it has none). `in_or`: one of several alternatives."""

    path: str
    event_pointer: str
    pattern_pointer: str
    verdict: str
    why: str
    in_or: bool


class RuleVerdict(Answer, frozen=True):
    """What a rule made of an event. `near`, 0 to 1, is the part of the pattern's fields that the event has as wanted.
    `path`, `actual`, `wanted` and `hint` are of the first field that did not match; `fields` are told of the nearest
    rules and of the one that is asked for."""

    rule: str
    matched: bool
    why: str
    note: str
    path: str
    actual: Json
    wanted: list[str]
    hint: str
    near: float
    pattern: Json | None
    fields: list[FieldAnswer]
    deliveries: Json


class OtherRule(Answer, frozen=True):
    rule: str
    bus: str
    account: str
    region: str


class ExplainedEvent(Answer, frozen=True):
    """Rules that matched come first, and then the nearest. `elsewhere` are rules of other buses that would have
    matched, where none of the event's own bus did."""

    event: Json
    bus: str
    account: str
    region: str
    time: int
    bus_exists: bool
    rules: list[RuleVerdict]
    elsewhere: list[OtherRule]


async def explained(request: ApiRequest, event_id: str, only: str | None) -> ExplainedEvent:
    """Raises AwsError where no bus of the scope, and of no other, has the event."""
    scope, answer = await _found(request, event_id, only)
    bus = answer["bus"]
    patterns = {}
    for record in await request.store.list(scope, RULE, prefix=rule_key(bus)):
        patterns[record.value["Name"]] = record.value.get("EventPattern")
    rules = await asyncio.to_thread(_verdicts, answer, patterns)
    return ExplainedEvent(
        event=as_json(answer["event"]),
        bus=bus,
        account=scope.account,
        region=scope.region,
        time=event_id_time(event_id) or 0,
        bus_exists=answer.get("bus_exists", True),
        rules=rules,
        elsewhere=[OtherRule(**one) for one in answer.get("elsewhere", ())],
    )


async def _found(request: ApiRequest, event_id: str, only: str | None) -> tuple[Scope, dict[str, Any]]:
    """In the request's own scope, or in any other, since a link to an event may come without."""
    others = [one for one in await request.store.log_scopes() if one != request.scope]
    for scope in (request.scope, *others):
        try:
            return scope, await explain_event(request.store, scope, event_id, only)
        except NotInHistory:
            continue
    raise NotInHistory("ResourceNotFoundException", f"Event {event_id[:100]} is in no bus's history.", 404)


def _verdicts(answer: Mapping[str, Any], patterns: Mapping[str, str | None]) -> list[RuleVerdict]:
    verdicts, compared = [], 0
    for rule in answer["rules"]:
        pattern = patterns.get(rule["rule"])
        fields: list[FieldVerdict] = []
        if pattern is not None and compared < _MOST_COMPARED:
            compared += 1
            fields = fields_of(pattern, answer["event"])
        verdicts.append(
            RuleVerdict(
                rule=rule["rule"],
                matched=rule["matched"],
                why=rule.get("why", ""),
                note=rule.get("note", ""),
                path=rule.get("path", ""),
                actual=as_json(rule.get("actual", [])),
                wanted=rule.get("wanted", []),
                hint=rule.get("hint", ""),
                near=1.0 if rule["matched"] else nearness(fields),
                pattern=pattern_json(pattern),
                fields=answers_of(fields),
                deliveries=as_json(rule.get("deliveries", [])),
            )
        )
    return verdicts


def fields_of(pattern: str, event: Mapping[str, Any]) -> list[FieldVerdict]:
    """None of a pattern that has more behind its closing brace than JSON has."""
    try:
        value = parse_json(pattern)
    except ValueError:
        return []
    return field_verdicts(value, event)


def pattern_json(pattern: str | None) -> Json | None:
    """A stored pattern as JSON; as a string where it has more behind its closing brace than JSON has."""
    if pattern is None:
        return None
    try:
        parse_json(pattern)
    except ValueError:
        return as_json(pattern)
    return msgspec.Raw(pattern.encode("utf-8", "replace"))


def answers_of(fields: Sequence[FieldVerdict]) -> list[FieldAnswer]:
    return [copied(FieldAnswer, one) for one in fields]
