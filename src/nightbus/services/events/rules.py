"""Rules: a pattern on a bus, a schedule, or both; enabled or not."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.rule import Pattern
from nightbus.delivery.rules import DEFAULT_BUS, RULE, rule_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.bus_members import joining
from nightbus.services.events.engines.schedules import check_schedule, set_going
from nightbus.services.events.managed_rules import check_not_managed, managed_rules
from nightbus.services.events.names import (
    bus_name,
    bus_place,
    find_bus,
    invalid_token,
)
from nightbus.services.events.quotas import (
    RULES_PER_BUS,
    WILDCARD_RULES_PER_BUS,
    check_quota,
    check_room,
    tags_of,
)
from nightbus.services.events.rule_access import Place, reach
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_PAGE = 100


def check_pattern(text: str) -> Pattern:
    """Raises AwsError InvalidEventPatternException in AWS's words."""
    try:
        return parse_pattern(text)
    except InvalidPattern as broken:
        raise AwsError("InvalidEventPatternException", str(broken)) from broken


async def put_rule(
    ctx: Context,
    *,
    name: str,
    event_pattern: str | None = None,
    schedule_expression: str | None = None,
    state: str = "ENABLED",
    description: str | None = None,
    role_arn: str | None = None,
    tags: list[dict[str, str]] | None = None,
    event_bus_name: str | None = None,
) -> dict[str, Any]:
    if not event_pattern and not schedule_expression:
        raise validation_error("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule_expression is not None and bus_place(ctx, event_bus_name)[1] != DEFAULT_BUS:
        raise validation_error("ScheduleExpression is supported only on the default event bus.")
    pattern = check_pattern(event_pattern) if event_pattern else None
    if schedule_expression:
        check_schedule(schedule_expression)
    given = {
        "EventPattern": event_pattern or None,
        "ScheduleExpression": schedule_expression or None,
        "Description": description,
        "RoleArn": role_arn,
        "State": state,
    }
    place = await reach(ctx, "PutRule", name, event_bus_name, pattern)
    if pattern is not None and ctx.platform.quotas and pattern.has_wildcards():
        await _check_wildcards(place, name)
    value = await _value(ctx, place, name, tags)
    value |= {member: one for member, one in given.items() if one is not None}
    await _put(place, value)
    return {"RuleArn": rule_arn(place.ctx.scope, place.bus.key, name)}


async def _check_wildcards(place: Place, name: str) -> None:
    """Raises AwsError LimitExceededException where too many others of the bus's rules have wildcards.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    """
    bus = place.bus.key
    rules = await place.ctx.store.list(place.ctx.scope, RULE, prefix=rule_key(bus))
    others = [one.value for one in rules if one.key != rule_key(bus, name)]
    asking = sum(_has_wildcards(one.get("EventPattern") or "") for one in others)
    check_quota(place.ctx, asking + 1, WILDCARD_RULES_PER_BUS)


def _has_wildcards(text: str) -> bool:
    if "wildcard" not in text and "\\" not in text:
        return False
    try:
        return parse_pattern(text).has_wildcards()
    except InvalidPattern:  # kept from before it was refused
        return False


async def _value(ctx: Context, place: Place, name: str, tags: list[dict[str, str]] | None) -> dict[str, Any]:
    """What PutRule leaves as it is, its tags included; or what a new rule begins with."""
    bus = place.bus.key
    if place.rule is not None:
        check_not_managed(place.rule.value)
        kept = place.rule.value
        return {
            "Name": name,
            "EventBusName": bus,
            "CreatedBy": kept["CreatedBy"],
            "Targets": kept.get("Targets", []),
            "Tags": kept.get("Tags", {}),
        }
    await check_room(place.ctx, RULE, rule_key(bus), RULES_PER_BUS)
    return {
        "Name": name,
        "EventBusName": bus,
        "CreatedBy": ctx.caller.account,
        "Targets": [],
        "Tags": tags_of(ctx, tags),
    }


async def _put(place: Place, value: dict[str, Any]) -> None:
    ctx, old, key = place.ctx, place.rule, rule_key(place.bus.key, value["Name"])
    changes = list(set_going(ctx, key, value, old.value if old else {}))
    if old is None:
        changes += await joining(ctx, place.bus)
    await save_rule(ctx, Record(key, value, old.revision if old else 0), *changes)


async def save_rule(ctx: Context, record: Record, *also: Change) -> None:
    """Write the rule over the revision that was read, with what belongs to it. Raises Conflict."""
    put = PutRecord(ctx.scope, RULE, record.key, record.value, expect=record.revision)
    await ctx.store.commit(put, *also)


async def delete_rule(
    ctx: Context, *, name: str, event_bus_name: str | None = None, force: bool = False
) -> None:
    ctx, _, record = await reach(ctx, "DeleteRule", name, event_bus_name)
    if record is None:
        return
    check_not_managed(record.value, "DeleteRule", force)
    if record.value.get("Targets"):
        raise validation_error("Rule can't be deleted since it has targets.")
    await ctx.store.commit(DeleteRecord(ctx.scope, RULE, record.key, expect=record.revision))


async def describe_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> dict[str, Any]:
    place = await reach(ctx, "DescribeRule", name, event_bus_name)
    record = place.there(name)
    return {**_shown(place.ctx, record), "CreatedBy": record.value["CreatedBy"]}


def _shown(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    return {
        "Name": value["Name"],
        "Arn": rule_arn(ctx.scope, value["EventBusName"], value["Name"]),
        "EventPattern": value.get("EventPattern"),
        "ScheduleExpression": value.get("ScheduleExpression"),
        "State": value["State"],
        "Description": value.get("Description"),
        "RoleArn": value.get("RoleArn"),
        "ManagedBy": value.get("ManagedBy"),
        "EventBusName": value["EventBusName"],
    }


async def list_rules(
    ctx: Context,
    *,
    name_prefix: str = "",
    event_bus_name: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    bus = bus_name(ctx, event_bus_name)
    await find_bus(ctx, bus)
    records = await shown_rules(ctx, bus, name_prefix)
    chosen, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Rules": [_shown(ctx, record) for record in chosen], "NextToken": token}


async def shown_rules(ctx: Context, bus: str, prefix: str = "") -> list[Record]:
    """The rules of a bus by name, those that EventBridge manages among them."""
    own = await ctx.store.list(ctx.scope, RULE, prefix=rule_key(bus, prefix))
    return sorted([*own, *await managed_rules(ctx, bus, prefix)], key=lambda record: record.key)


async def enable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(await reach(ctx, "EnableRule", name, event_bus_name), name, "ENABLED")


async def disable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(await reach(ctx, "DisableRule", name, event_bus_name), name, "DISABLED")


async def _set_state(place: Place, name: str, state: str) -> None:
    record = place.there(name)
    check_not_managed(record.value)
    value = {**record.value, "State": state}
    changes = set_going(place.ctx, record.key, value, record.value)
    await save_rule(place.ctx, Record(record.key, value, record.revision), *changes)
