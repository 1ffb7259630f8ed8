"""Shows event buses and their rules with targets: `/buses`, `/rules`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from nightbus.aws.calls import Scope
from nightbus.bus.transform import CHOICES
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Json, Page
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE, bus_arn, rule_arn, rule_key
from nightbus.store.interface import Record

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
    """`stack` is the name of the CloudFormation stack that made the rule, "" for none."""

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


class Rules(Answer, frozen=True):
    rules: list[RuleInfo]
    next: str | None


class RuleQuery(Page, frozen=True):
    """Without `bus`, the rules of all buses."""

    bus: str = ""


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
    return Rules(rules=[rule_info(request.scope, record) for record in shown], next=following)


def rule_info(scope: Scope, record: Record) -> RuleInfo:
    value = record.value
    name, bus, pattern = value["Name"], value["EventBusName"], value.get("EventPattern")
    return RuleInfo(
        name=name,
        bus=bus,
        arn=rule_arn(scope, bus, name),
        description=value.get("Description") or "",
        pattern=_pattern(pattern),
        schedule=value.get("ScheduleExpression") or "",
        enabled=value["State"] != "DISABLED",
        state=value["State"],
        targets=[_target(one) for one in value.get("Targets", ())],
        stack=value.get("Tags", {}).get(_STACK, ""),
        managed_by=value.get("ManagedBy") or "",
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


def _pattern(text: str | None) -> Json | None:
    """The pattern as JSON; as a string where orjson does not read it."""
    if text is None:
        return None
    try:
        orjson.loads(text)
    except ValueError:
        return msgspec.Raw(orjson.dumps(text))
    return msgspec.Raw(text.encode())


ROUTES: Routes = {
    "GET /buses": list_buses,
    "GET /rules": list_rules,
}
