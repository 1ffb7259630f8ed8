"""Rules: a pattern on a bus, a schedule, or both; enabled or not."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.delivery.rules import DEFAULT_BUS, RULE, rule_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.names import (
    bus_name,
    concurrent,
    find_bus,
    invalid_token,
    no_such_rule,
    rule_record,
)
from nightbus.services.events.schedules import check_schedule, set_going
from nightbus.store.interface import Change, Conflict, DeleteRecord, PutRecord, Record

_PAGE = 100
RULES_PER_BUS = 300


def check_pattern(text: str) -> None:
    """Raises AwsError InvalidEventPatternException in AWS's words."""
    try:
        parse_pattern(text)
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
    bus = bus_name(ctx, event_bus_name)
    if not event_pattern and not schedule_expression:
        raise validation_error("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule_expression is not None and bus != DEFAULT_BUS:
        raise validation_error("ScheduleExpression is supported only on the default event bus.")
    await find_bus(ctx, bus)
    if event_pattern:
        check_pattern(event_pattern)
    if schedule_expression:
        check_schedule(schedule_expression)
    key = rule_key(bus, name)
    old = await ctx.store.get(ctx.scope, RULE, key)
    if old is None:
        await _check_quota(ctx, bus)
    value: dict[str, Any] = {
        "Name": name,
        "EventBusName": bus,
        "State": state,
        "CreatedBy": old.value["CreatedBy"] if old else ctx.account,
        "Targets": old.value.get("Targets", []) if old else [],
        # PutRule on a rule that is there leaves its tags as they are.
        "Tags": old.value.get("Tags", {}) if old else {tag["Key"]: tag["Value"] for tag in tags or ()},
    }
    given = {
        "EventPattern": event_pattern or None,
        "ScheduleExpression": schedule_expression or None,
        "Description": description,
        "RoleArn": role_arn,
    }
    value |= {name: one for name, one in given.items() if one is not None}
    changes = set_going(ctx, key, value, old.value if old else {})
    await save_rule(ctx, Record(key, value, old.revision if old else 0), *changes)
    return {"RuleArn": rule_arn(ctx.scope, bus, name)}


async def _check_quota(ctx: Context, bus: str) -> None:
    if not ctx.platform.quotas:
        return
    if len(await ctx.store.list(ctx.scope, RULE, prefix=rule_key(bus))) >= RULES_PER_BUS:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


async def save_rule(ctx: Context, record: Record, *also: Change) -> None:
    """Write the rule over the revision that was read, with what belongs to it, and let the router know."""
    put = PutRecord(ctx.scope, RULE, record.key, record.value, expect=record.revision)
    try:
        await ctx.store.commit(put, *also)
    except Conflict as changed:
        raise concurrent(f"Rule {record.value['Name']}") from changed
    await ctx.platform.router.rule_changed(ctx.scope, record.value["EventBusName"], record.value["Name"])


async def delete_rule(
    ctx: Context, *, name: str, event_bus_name: str | None = None, force: bool = False
) -> None:
    bus = bus_name(ctx, event_bus_name)
    await find_bus(ctx, bus)
    record = await ctx.store.get(ctx.scope, RULE, rule_key(bus, name))
    if record is None:
        return
    if record.value.get("Targets"):
        raise validation_error("Rule can't be deleted since it has targets.")
    try:
        await ctx.store.commit(DeleteRecord(ctx.scope, RULE, record.key, expect=record.revision))
    except Conflict as changed:
        raise concurrent(f"Rule {name}") from changed
    await ctx.platform.router.rule_changed(ctx.scope, bus, name)


async def describe_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> dict[str, Any]:
    record = await rule_record(ctx, name, bus_name(ctx, event_bus_name))
    return {**_shown(ctx, record), "CreatedBy": record.value["CreatedBy"]}


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
    records = await ctx.store.list(ctx.scope, RULE, prefix=rule_key(bus, name_prefix))
    chosen, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Rules": [_shown(ctx, record) for record in chosen], "NextToken": token}


async def enable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(ctx, name, bus_name(ctx, event_bus_name), "ENABLED")


async def disable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(ctx, name, bus_name(ctx, event_bus_name), "DISABLED")


async def _set_state(ctx: Context, name: str, bus: str, state: str) -> None:
    record = await ctx.store.get(ctx.scope, RULE, rule_key(bus, name))
    if record is None:
        await find_bus(ctx, bus)
        raise no_such_rule(name, bus)
    value = {**record.value, "State": state}
    changes = set_going(ctx, record.key, value, record.value)
    await save_rule(ctx, Record(record.key, value, record.revision), *changes)
