"""Answers the operations on partner event sources of the account that receives their events.

| state   | becomes | when                                                                      |
|---------|---------|---------------------------------------------------------------------------|
| –       | PENDING | a partner offers the source                                               |
| PENDING | ACTIVE  | a bus is created for it, or ActivateEventSource while it has a bus        |
| ACTIVE  | PENDING | DeactivateEventSource, or its bus is deleted                              |
| any     | DELETED | the partner deletes it while it has a bus; the bus's deletion removes it  |

A source without a bus expires two weeks after it became PENDING.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import partition_of
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.delivery.rules import BUS
from nightbus.services.context import Context
from nightbus.services.events.names import invalid_token, reply_time
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, Store

SOURCE = "events/event-source"
_PENDING_MS = 14 * 24 * 3600 * 1000
_PAGE = 100


def source_arn(region: str, name: str) -> str:
    """Return the source's ARN, which has no account."""
    return f"arn:{partition_of(region)}:events:{region}::event-source/{name}"


async def source_of(store: Store, scope: Scope, name: str, now: int) -> Record | None:
    """Return the source's record. None if there is none, or if its two weeks without a bus are over."""
    record = await store.get(scope, SOURCE, name)
    return None if record is None or _has_expired(record.value, now) else record


def _has_expired(value: Mapping[str, Any], now: int) -> bool:
    return value["State"] == "PENDING" and int(value["ExpirationTime"]) <= now


def new_source(name: str, partner: str, now: int) -> dict[str, Any]:
    """Return the record value of a new source, which waits two weeks for a bus."""
    return {
        "Name": name,
        "PartnerAccount": partner,
        "CreatedBy": name.split("/")[1],
        "CreationTime": now,
        "ExpirationTime": now + _PENDING_MS,
        "State": "PENDING",
    }


def pending(value: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {**value, "State": "PENDING", "ExpirationTime": now + _PENDING_MS}


def active(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, "State": "ACTIVE", "ExpirationTime": None}


def state_reply(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "CreationTime": reply_time(value["CreationTime"]),
        "ExpirationTime": reply_time(value.get("ExpirationTime")),
        "State": value["State"],
    }


def _source_reply(ctx: Context, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Arn": source_arn(ctx.region, value["Name"]),
        "Name": value["Name"],
        "CreatedBy": value["CreatedBy"],
        **state_reply(value),
    }


async def find_source(ctx: Context, name: str) -> Record:
    """Return the source's record. Raises AwsError ResourceNotFoundException."""
    record = await source_of(ctx.store, ctx.scope, name, ctx.now_ms())
    if record is None:
        raise no_such_source(name)
    return record


def no_such_source(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Event source {name} does not exist.")


def wrong_state(name: str, state: str) -> AwsError:
    return AwsError("InvalidStateException", f"Event source {name} is in state {state}.")


async def describe_event_source(ctx: Context, *, name: str) -> dict[str, Any]:
    return _source_reply(ctx, (await find_source(ctx, name)).value)


async def list_event_sources(
    ctx: Context, *, name_prefix: str = "", next_token: str | None = None, limit: int = _PAGE
) -> dict[str, Any]:
    now = ctx.now_ms()
    records = await ctx.store.list(ctx.scope, SOURCE, prefix=name_prefix)
    current = [record for record in records if not _has_expired(record.value, now)]
    page_items, token = page(current, lambda record: record.key, limit, next_token, invalid_token())
    return {"EventSources": [_source_reply(ctx, record.value) for record in page_items], "NextToken": token}


async def activate_event_source(ctx: Context, *, name: str) -> None:
    """Activate a source again that was deactivated. The creation of its bus activates it the first time."""
    record = await find_source(ctx, name)
    if record.value["State"] != "PENDING":
        raise wrong_state(name, record.value["State"])
    if await ctx.store.get(ctx.scope, BUS, name) is None:
        raise AwsError("InvalidStateException", f"Event source {name} has no matching event bus.")
    await _save(ctx, record, active(record.value))


async def deactivate_event_source(ctx: Context, *, name: str) -> None:
    record = await find_source(ctx, name)
    if record.value["State"] != "ACTIVE":
        raise wrong_state(name, record.value["State"])
    await _save(ctx, record, pending(record.value, ctx.now_ms()))


async def _save(ctx: Context, record: Record, value: dict[str, Any]) -> None:
    await ctx.store.commit(PutRecord(ctx.scope, SOURCE, record.key, value, expect=record.revision))


async def activation(ctx: Context, name: str) -> Change:
    """Return the change by which the creation of its bus activates a source. Raises AwsError if it was deleted."""
    record = await find_source(ctx, name)
    if record.value["State"] == "DELETED":
        raise wrong_state(name, "DELETED")
    return PutRecord(ctx.scope, SOURCE, name, active(record.value), expect=record.revision)


async def bus_deleted(ctx: Context, name: str) -> list[Change]:
    """Return the changes by which its bus's deletion sets a source to PENDING, or removes it if it was DELETED."""
    record = await ctx.store.get(ctx.scope, SOURCE, name)
    if record is None:
        return []
    if record.value["State"] == "DELETED":
        return [DeleteRecord(ctx.scope, SOURCE, name, expect=record.revision)]
    value = pending(record.value, ctx.now_ms())
    return [PutRecord(ctx.scope, SOURCE, name, value, expect=record.revision)]
