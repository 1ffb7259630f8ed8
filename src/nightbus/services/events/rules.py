"""Puts, describes, lists, enables, disables and deletes rules."""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.rule import Pattern
from nightbus.delivery.rules import DEFAULT_BUS, RULE, rule_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.bus_members import member_changes
from nightbus.services.events.engines.schedules import check_schedule, schedule_changes
from nightbus.services.events.managed_rules import check_not_managed, managed_rules
from nightbus.services.events.names import (
    bus_name,
    find_bus,
    invalid_token,
    scope_and_bus,
)
from nightbus.services.events.quotas import (
    RULES_PER_BUS,
    WILDCARD_RULES_PER_BUS,
    check_quota,
    check_room,
    tags_of_new,
)
from nightbus.services.events.rule_access import RuleOnBus, find_rule_on_bus
from nightbus.services.service_roles import may_assume
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record

_PAGE = 100
_SERVICE = "events.amazonaws.com"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)


def check_pattern(text: str) -> Pattern:
    """Parse a pattern. Raises AwsError InvalidEventPatternException with AWS's text."""
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
    if schedule_expression is not None and scope_and_bus(ctx, event_bus_name)[1] != DEFAULT_BUS:
        raise validation_error("ScheduleExpression is supported only on the default event bus.")
    pattern = check_pattern(event_pattern) if event_pattern else None
    if schedule_expression:
        check_schedule(schedule_expression)
    requested = {
        "EventPattern": event_pattern or None,
        "ScheduleExpression": schedule_expression or None,
        "Description": description,
        "RoleArn": role_arn,
        "State": state,
    }
    on_bus = await find_rule_on_bus(ctx, "PutRule", name, event_bus_name, pattern)
    if pattern is not None and ctx.platform.quotas and pattern.has_wildcards():
        await _check_wildcards(on_bus, name)
    arn_of_rule = rule_arn(on_bus.ctx.scope, on_bus.bus.key, name)
    if requested.get("RoleArn"):
        await check_role(ctx, str(requested["RoleArn"]), arn_of_rule)
    value = await _value(ctx, on_bus, name, tags)
    value |= {member: one for member, one in requested.items() if one is not None}
    await _put(on_bus, value)
    return {"RuleArn": arn_of_rule}


async def check_role(ctx: Context, role: str, rule: str) -> None:
    """Raise AwsError unless EventBridge may assume the role for the rule, given by its ARN."""
    if not _ROLE.fullmatch(role):
        reason = f"Parameter {role} is not valid. Reason: Provided Arn is not in correct format."
        raise AwsError("ValidationException", reason)
    if not await may_assume(ctx, role, _SERVICE, rule):
        raise validation_error(f"Provided role '{role}' cannot be assumed by principal '{_SERVICE}'.")


async def _check_wildcards(on_bus: RuleOnBus, name: str) -> None:
    """Raise AwsError LimitExceededException if too many other rules of the bus have wildcards.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    """
    bus = on_bus.bus.key
    rules = await on_bus.ctx.store.list(on_bus.ctx.scope, RULE, prefix=rule_key(bus))
    other_rules = [one.value for one in rules if one.key != rule_key(bus, name)]
    with_wildcards = sum(_has_wildcards(one.get("EventPattern") or "") for one in other_rules)
    check_quota(on_bus.ctx, with_wildcards + 1, WILDCARD_RULES_PER_BUS)


def _has_wildcards(text: str) -> bool:
    if "wildcard" not in text and "\\" not in text:
        return False
    try:
        return parse_pattern(text).has_wildcards()
    except InvalidPattern:  # stored by a version that did not refuse it
        return False


async def _value(
    ctx: Context, on_bus: RuleOnBus, name: str, tags: list[dict[str, str]] | None
) -> dict[str, Any]:
    """Return the members that PutRule does not change, tags included, or those that a new rule begins with."""
    bus = on_bus.bus.key
    if on_bus.rule is not None:
        check_not_managed(on_bus.rule.value)
        stored = on_bus.rule.value
        return {
            "Name": name,
            "EventBusName": bus,
            "CreatedBy": stored["CreatedBy"],
            "Targets": stored.get("Targets", []),
            "Tags": stored.get("Tags", {}),
        }
    await check_room(on_bus.ctx, RULE, rule_key(bus), RULES_PER_BUS)
    return {
        "Name": name,
        "EventBusName": bus,
        "CreatedBy": ctx.caller.account,
        "Targets": [],
        "Tags": tags_of_new(ctx, tags),
    }


async def _put(on_bus: RuleOnBus, value: dict[str, Any]) -> None:
    ctx, old, key = on_bus.ctx, on_bus.rule, rule_key(on_bus.bus.key, value["Name"])
    changes = list(schedule_changes(ctx, key, value, old.value if old else {}))
    if old is None:
        changes += await member_changes(ctx, on_bus.bus)
    await save_rule(ctx, Record(key, value, old.revision if old else 0), *changes)


async def save_rule(ctx: Context, record: Record, *also: Change) -> None:
    """Store the rule over the revision that was read, with further changes. Raises Conflict."""
    put = PutRecord(ctx.scope, RULE, record.key, record.value, expect=record.revision)
    await ctx.store.commit(put, *also)


async def delete_rule(
    ctx: Context, *, name: str, event_bus_name: str | None = None, force: bool = False
) -> None:
    ctx, _, record = await find_rule_on_bus(ctx, "DeleteRule", name, event_bus_name)
    if record is None:
        return
    check_not_managed(record.value, "DeleteRule", force)
    if record.value.get("Targets"):
        raise validation_error("Rule can't be deleted since it has targets.")
    await ctx.store.commit(DeleteRecord(ctx.scope, RULE, record.key, expect=record.revision))


async def describe_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> dict[str, Any]:
    on_bus = await find_rule_on_bus(ctx, "DescribeRule", name, event_bus_name)
    record = on_bus.existing(name)
    return {**_rule_reply(on_bus.ctx, record), "CreatedBy": record.value["CreatedBy"]}


def _rule_reply(ctx: Context, record: Record) -> dict[str, Any]:
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
    records = await all_rules(ctx, bus, name_prefix)
    page_items, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Rules": [_rule_reply(ctx, record) for record in page_items], "NextToken": token}


async def all_rules(ctx: Context, bus: str, prefix: str = "") -> list[Record]:
    """Return the rules of a bus, the managed ones included, sorted by name."""
    rules = await ctx.store.list(ctx.scope, RULE, prefix=rule_key(bus, prefix))
    return sorted([*rules, *await managed_rules(ctx, bus, prefix)], key=lambda record: record.key)


async def enable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(await find_rule_on_bus(ctx, "EnableRule", name, event_bus_name), name, "ENABLED")


async def disable_rule(ctx: Context, *, name: str, event_bus_name: str | None = None) -> None:
    await _set_state(await find_rule_on_bus(ctx, "DisableRule", name, event_bus_name), name, "DISABLED")


async def _set_state(on_bus: RuleOnBus, name: str, state: str) -> None:
    record = on_bus.existing(name)
    check_not_managed(record.value)
    value = {**record.value, "State": state}
    changes = schedule_changes(on_bus.ctx, record.key, value, record.value)
    await save_rule(on_bus.ctx, Record(record.key, value, record.revision), *changes)
