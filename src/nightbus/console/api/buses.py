"""Shows event buses and their rules with targets, and changes a rule's pattern and state: `/buses`, `/rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.bus.json_text import write_json
from nightbus.bus.transform import CHOICES
from nightbus.console.api.explained import pattern_json
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Done, Json, Page
from nightbus.counters import RuleCount
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE, bus_arn, rule_arn, rule_key
from nightbus.store.interface import Record

_KEPT = ("ScheduleExpression", "State", "Description", "RoleArn")  # what PutRule without them would take away
_STACK = "aws:cloudformation:stack-name"


class Bus(Answer, frozen=True):
    name: str
    arn: str
    rules: int


class Buses(Answer, frozen=True):
    buses: list[Bus]


class Target(Answer, frozen=True):
    """`input` is the member of PutTargets that makes the input: Input, InputPath or InputTransformer; "" without."""

    id: str
    arn: str
    input: str
    dead_letter: str
    retries: int | None
    age: int | None
    role: str


class RuleInfo(Answer, frozen=True):
    """`stack` is the name of the CloudFormation stack that made the rule, "" for none. Since the node's start `matched`
    events matched, and `delivered` and `given_up` deliveries ended so."""

    name: str
    bus: str
    arn: str
    description: str
    pattern: Json | None
    schedule: str
    enabled: bool
    state: str
    targets: list[Target]
    stack: str
    managed_by: str
    matched: int
    delivered: int
    given_up: int


class Rules(Answer, frozen=True):
    rules: list[RuleInfo]
    next: str | None


class RuleQuery(Page, frozen=True):
    """Without `bus`, the rules of all buses."""

    bus: str = ""


class RuleBody(Body, frozen=True, kw_only=True):
    """`pattern` is an event pattern, or its JSON text."""

    name: str
    pattern: Any
    bus: str = DEFAULT_BUS


class RuleOfBus(Body, frozen=True):
    bus: str = DEFAULT_BUS


async def list_buses(request: ApiRequest) -> Buses:
    """List the event buses, the default one first."""
    records = await request.store.list(request.scope, BUS)
    names = [DEFAULT_BUS, *sorted({record.key for record in records} - {DEFAULT_BUS})]
    counted = dict.fromkeys(names, 0)
    for record in await request.store.list(request.scope, RULE):
        bus = record.value["EventBusName"]
        counted[bus] = counted.get(bus, 0) + 1
    return Buses(
        buses=[Bus(name=name, arn=bus_arn(request.scope, name), rules=counted[name]) for name in names]
    )


async def list_rules(request: ApiRequest, query: RuleQuery) -> Rules:
    """List the rules of a bus, or of all, with their patterns, schedules and targets."""
    prefix = rule_key(query.bus) if query.bus else ""
    records = await request.store.list(
        request.scope, RULE, prefix=prefix, after=query.next, limit=query.limit + 1
    )
    shown = records[: query.limit]
    following = shown[-1].key if len(records) > query.limit else None
    counts = request.platform.counters.rules
    rules = []
    for record in shown:
        count = counts.get(rule_arn(request.scope, record.value["EventBusName"], record.value["Name"]))
        rules.append(_rule_info(request.scope, record, count or RuleCount()))
    return Rules(rules=rules, next=following)


async def put_rule(request: ApiRequest, body: RuleBody) -> Done:
    """Put a rule with this pattern; one that is there keeps all else."""
    record = await request.store.get(request.scope, RULE, rule_key(body.bus, body.name))
    value = {} if record is None else record.value
    kept = {name: value[name] for name in _KEPT if value.get(name)}
    text = body.pattern if isinstance(body.pattern, str) else write_json(body.pattern)
    await request.change(
        "events", "PutRule", Name=body.name, EventBusName=body.bus, EventPattern=text, **kept
    )
    return Done()


async def enable_rule(request: ApiRequest, name: str, body: RuleOfBus) -> Done:
    """Enable a rule."""
    await request.change("events", "EnableRule", Name=name, EventBusName=body.bus)
    return Done()


async def disable_rule(request: ApiRequest, name: str, body: RuleOfBus) -> Done:
    """Disable a rule."""
    await request.change("events", "DisableRule", Name=name, EventBusName=body.bus)
    return Done()


def _rule_info(scope: Scope, record: Record, count: RuleCount) -> RuleInfo:
    value = record.value
    name, bus, pattern = value["Name"], value["EventBusName"], value.get("EventPattern")
    return RuleInfo(
        name=name,
        bus=bus,
        arn=rule_arn(scope, bus, name),
        description=value.get("Description") or "",
        pattern=pattern_json(pattern),
        schedule=value.get("ScheduleExpression") or "",
        enabled=value["State"] != "DISABLED",
        state=value["State"],
        targets=[_target(one) for one in value.get("Targets", ())],
        stack=value.get("Tags", {}).get(_STACK, ""),
        managed_by=value.get("ManagedBy") or "",
        matched=count.matched,
        delivered=count.delivered,
        given_up=count.given_up,
    )


def _target(target: Mapping[str, Any]) -> Target:
    policy = target.get("RetryPolicy") or {}
    made = [choice for choice in CHOICES if target.get(choice) is not None]
    return Target(
        id=target["Id"],
        arn=target["Arn"],
        input=made[0] if made else "",
        dead_letter=(target.get("DeadLetterConfig") or {}).get("Arn") or "",
        retries=policy.get("MaximumRetryAttempts"),
        age=policy.get("MaximumEventAgeInSeconds"),
        role=target.get("RoleArn") or "",
    )


ROUTES: Routes = {
    "GET /buses": list_buses,
    "GET /rules": list_rules,
    "POST /rules": put_rule,
    "POST /rules/{name}/disable": disable_rule,
    "POST /rules/{name}/enable": enable_rule,
}
