"""Which bus or rule does a parameter name? Both may be given by name or by ARN."""

from __future__ import annotations

from nightbus.aws.arn import Arn, is_arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.delivery.rules import BUS, DEFAULT_BUS, RULE, rule_key
from nightbus.services.context import Context
from nightbus.store.interface import Record


def bus_name(text: str | None) -> str:
    """The bus's name from a name or an ARN; the default bus where none is given."""
    if not text:
        return DEFAULT_BUS
    return text.split(":event-bus/", 1)[1] if is_arn(text) and ":event-bus/" in text else text


def bus_place(ctx: Context, text: str | None) -> tuple[Scope, str]:
    """Account, region and name of a bus that may be another account's or region's."""
    if text and is_arn(text):
        parsed = Arn.parse(text)
        return Scope(parsed.account, parsed.region), parsed.resource.removeprefix("event-bus/")
    return ctx.scope, bus_name(text)


def no_such_bus(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")


async def find_bus(ctx: Context, name: str) -> Record:
    """Raises AwsError ResourceNotFoundException. The default bus is there without a record."""
    record = await ctx.store.get(ctx.scope, BUS, name)
    if record is not None:
        return record
    if name == DEFAULT_BUS:
        return Record(name, {"Name": name}, 0)
    raise no_such_bus(name)


def no_such_rule(name: str, bus: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")


async def rule_record(ctx: Context, name: str, bus: str) -> Record:
    """Raises AwsError ResourceNotFoundException for a bus or a rule that is not there."""
    await find_bus(ctx, bus)
    record = await ctx.store.get(ctx.scope, RULE, rule_key(bus, name))
    if record is None:
        raise no_such_rule(name, bus)
    return record


def concurrent(what: str) -> AwsError:
    return AwsError("ConcurrentModificationException", f"{what} was modified concurrently.")


def invalid_token() -> AwsError:
    return validation_error("The NextToken is not valid.")
