"""Rules: a pattern on a bus, enabled or not."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, not_supported, validation_error
from nightbus.aws.pagination import page
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.delivery.rules import RULE, rule_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.names import (
    bus_name,
    concurrent,
    find_bus,
    invalid_token,
    no_such_rule,
    rule_record,
)
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord, Record

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
    if schedule_expression:
        raise not_supported("events", "PutRule", "ScheduleExpression")
    if not event_pattern:
        raise validation_error("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    bus = bus_name(ctx, event_bus_name)
    await find_bus(ctx, bus)
    check_pattern(event_pattern)
    key = rule_key(bus, name)
    old = await ctx.store.get(ctx.scope, RULE, key)
    if old is None:
        await _check_quota(ctx, bus)
    value: dict[str, Any] = {
        "Name": name,
        "EventBusName": bus,
        "EventPattern": event_pattern,
        "State": state,
        "CreatedBy": old.value["CreatedBy"] if old else ctx.account,
        "Targets": old.value.get("Targets", []) if old else [],
        # PutRule on a rule that is there leaves its tags as they are.
        "Tags": old.value.get("Tags", {}) if old else {tag["Key"]: tag["Value"] for tag in tags or ()},
    }
    if description is not None:
        value["Description"] = description
    if role_arn is not None:
        value["RoleArn"] = role_arn
    await save_rule(ctx, Record(key, value, old.revision if old else 0))
    return {"RuleArn": rule_arn(ctx.scope, bus, name)}


async def _check_quota(ctx: Context, bus: str) -> None:
    if not ctx.platform.quotas:
        return
    if len(await ctx.store.list(ctx.scope, RULE, prefix=rule_key(bus))) >= RULES_PER_BUS:
        raise AwsError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")


async def save_rule(ctx: Context, record: Record) -> None:
    """Write the rule over the revision that was read, and let the router know."""
    try:
        await ctx.store.commit(PutRecord(ctx.scope, RULE, record.key, record.value, expect=record.revision))
    except Conflict as changed:
        raise concurrent(f"Rule {record.value['Name']}") from changed
    await ctx.platform.router.rules_changed(ctx.scope, record.value["EventBusName"])


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
    await ctx.platform.router.rules_changed(ctx.scope, bus)


async def describe_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> dict[str, Any]:
    record = await rule_record(ctx, name, bus_name(ctx, event_bus_name))
    return {**_shown(ctx, record), "CreatedBy": record.value["CreatedBy"]}


def _shown(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    return {
        "Name": value["Name"],
        "Arn": rule_arn(ctx.scope, value["EventBusName"], value["Name"]),
        "EventPattern": value["EventPattern"],
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
    await save_rule(ctx, Record(record.key, {**record.value, "State": state}, record.revision))
