"""Finds the bus or rule that a parameter names, by name or by ARN."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE, rule_key
from nightbus.services.context import Context
from nightbus.services.events.managed_rules import managed_rule
from nightbus.store.interface import Record


def scope_and_bus(ctx: Context, text: str | None) -> tuple[Scope, str]:
    """Return the scope and the name of a bus, perhaps in another account or region; the default bus for no text.

    An ARN that is not a bus's counts as a name, which no bus has.
    """
    return bus_in(ctx.scope, text)


def bus_in(scope: Scope, text: str | None) -> tuple[Scope, str]:
    """Do the same as `scope_and_bus` for a call in `scope`."""
    if not text:
        return scope, DEFAULT_BUS
    if is_arn(text):
        try:
            parsed = Arn.parse(text)
        except ValueError:
            return scope, text
        if parsed.service == "events" and parsed.resource.startswith("event-bus/"):
            return Scope(parsed.account, parsed.region), parsed.resource.removeprefix("event-bus/")
    return scope, text


def bus_name(ctx: Context, text: str | None) -> str:
    """Return the name of a bus of this scope. Raises AwsError ResourceNotFoundException for another scope's bus."""
    scope, name = scope_and_bus(ctx, text)
    if text and scope != ctx.scope:
        raise no_such_bus(text)
    return name


def in_scope(ctx: Context, scope: Scope) -> Context:
    """Return the context of the same call in another account or region."""
    return ctx if scope == ctx.scope else replace(ctx, call=replace(ctx.call, scope=scope))


def no_such_bus(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")


async def find_bus(ctx: Context, name: str) -> Record:
    """Return the bus's record. Raises AwsError ResourceNotFoundException. The default bus need not be stored."""
    record = await ctx.store.get(ctx.scope, BUS, name)
    if record is not None:
        return record
    if name == DEFAULT_BUS:
        return Record(name, {"Name": name}, 0)
    raise no_such_bus(name)


def no_such_rule(name: str, bus: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")


async def find_rule(ctx: Context, name: str, bus: str) -> Record | None:
    """Return a stored rule of the bus, or a managed one. None if there is neither."""
    rule = await ctx.store.get(ctx.scope, RULE, rule_key(bus, name))
    return rule or await managed_rule(ctx, bus, name)


async def rule_record(ctx: Context, name: str, bus: str) -> Record:
    """Return the rule's record. Raises AwsError ResourceNotFoundException if the bus or the rule does not exist."""
    await find_bus(ctx, bus)
    record = await find_rule(ctx, name, bus)
    if record is None:
        raise no_such_rule(name, bus)
    return record


def reply_time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def invalid_token() -> AwsError:
    return validation_error("The NextToken is not valid.")
