"""Event buses: the default one of every account and region, and custom ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError, not_supported, validation_error
from nightbus.aws.pagination import page
from nightbus.delivery.rules import BUS, DEFAULT_BUS, bus_arn, history_log, outcome_log, rules_of
from nightbus.services.context import Context
from nightbus.services.events.names import bus_name, concurrent, find_bus, invalid_token
from nightbus.services.events.permissions import policy_text
from nightbus.store.interface import Conflict, DeleteRecord, PutRecord, Record, TrimLog

_PAGE = 100


async def create_event_bus(
    ctx: Context,
    *,
    name: str,
    description: str | None = None,
    tags: list[dict[str, str]] | None = None,
    event_source_name: str | None = None,
) -> dict[str, Any]:
    if event_source_name is not None:
        raise not_supported("events", "CreateEventBus", "EventSourceName")
    if name.startswith("aws."):
        raise not_supported("events", "CreateEventBus", "a partner event source")
    if "/" in name:
        raise validation_error(f"Event bus name {name} cannot contain '/'.")
    if name == DEFAULT_BUS:
        raise _exists(name)
    now = ctx.now_ms()
    value: dict[str, Any] = {"Name": name, "CreationTime": now, "LastModifiedTime": now}
    if description is not None:
        value["Description"] = description
    value["Tags"] = {tag["Key"]: tag["Value"] for tag in tags or ()}
    try:
        await ctx.store.commit(PutRecord(ctx.scope, BUS, name, value, expect=0))
    except Conflict as taken:
        raise _exists(name) from taken
    ctx.platform.router.buses.changed(ctx.scope, name)
    reply = {"EventBusArn": bus_arn(ctx.scope, name)}
    return reply if description is None else {**reply, "Description": description}


def _exists(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")


async def update_event_bus(
    ctx: Context, *, name: str = DEFAULT_BUS, description: str | None = None
) -> dict[str, Any]:
    record = await find_bus(ctx, name)
    value = {**record.value, "LastModifiedTime": ctx.now_ms()}
    if description is not None:
        value["Description"] = description
    try:
        await ctx.store.commit(PutRecord(ctx.scope, BUS, name, value, expect=record.revision))
    except Conflict as changed:
        raise concurrent(f"Event bus {name}") from changed
    ctx.platform.router.buses.changed(ctx.scope, name)
    return {"Arn": bus_arn(ctx.scope, name), "Name": name, "Description": value.get("Description")}


async def describe_event_bus(ctx: Context, *, name: str | None = None) -> dict[str, Any]:
    return _described(ctx, await find_bus(ctx, bus_name(ctx, name)))


def _described(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    return {
        "Name": record.key,
        "Arn": bus_arn(ctx.scope, record.key),
        "Description": value.get("Description"),
        "Policy": policy_text(value.get("Statements", [])),
        "CreationTime": _time(value.get("CreationTime")),
        "LastModifiedTime": _time(value.get("LastModifiedTime")),
    }


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


async def list_event_buses(
    ctx: Context, *, name_prefix: str = "", next_token: str | None = None, limit: int = _PAGE
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, BUS)
    if not any(record.key == DEFAULT_BUS for record in records):
        records = [*records, Record(DEFAULT_BUS, {"Name": DEFAULT_BUS}, 0)]
    # The default bus comes first, as on AWS; the others by name.
    found = sorted((r for r in records if r.key.startswith(name_prefix)), key=_bus_order)
    chosen, token = page(found, _bus_order, limit, next_token, invalid_token())
    return {"EventBuses": [_described(ctx, record) for record in chosen], "NextToken": token}


def _bus_order(record: Record) -> str:
    return "" if record.key == DEFAULT_BUS else record.key


async def delete_event_bus(ctx: Context, *, name: str) -> None:
    if name == DEFAULT_BUS:
        raise validation_error("Cannot delete event bus default.")
    if await ctx.store.get(ctx.scope, BUS, name) is None:
        return
    if await rules_of(ctx.store, ctx.scope, name):
        raise validation_error(f"Event bus {name} cannot be deleted since it has rules.")
    await ctx.store.commit(
        DeleteRecord(ctx.scope, BUS, name),
        TrimLog(ctx.scope, history_log(name)),
        TrimLog(ctx.scope, outcome_log(name)),
    )
    ctx.platform.router.buses.changed(ctx.scope, name)
