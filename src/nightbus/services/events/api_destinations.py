"""Creates, changes, describes and deletes API destinations: HTTP endpoints as targets, each with a connection."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.delivery.api_destinations.connections import (
    API_DESTINATION,
    DEFAULT_RATE,
    api_destination_arn,
    find_connection,
    state_of_destination,
)
from nightbus.services.context import Context
from nightbus.services.events.endpoint_urls import check_url
from nightbus.services.events.names import invalid_token, reply_time
from nightbus.services.events.quotas import API_DESTINATIONS_PER_REGION, check_room
from nightbus.services.events.state_events import StateEvents
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_PAGE = 100
_SETTINGS = (
    "Description",
    "ConnectionArn",
    "InvocationEndpoint",
    "HttpMethod",
    "InvocationRateLimitPerSecond",
)


async def create_api_destination(
    ctx: Context,
    *,
    name: str,
    connection_arn: str,
    invocation_endpoint: str,
    http_method: str,
    description: str | None = None,
    invocation_rate_limit_per_second: int = DEFAULT_RATE,
) -> dict[str, Any]:
    settings = (
        description,
        connection_arn,
        invocation_endpoint,
        http_method,
        invocation_rate_limit_per_second,
    )
    await _check(ctx, connection_arn, invocation_endpoint)
    if await ctx.store.get(ctx.scope, API_DESTINATION, name) is not None:
        raise _exists(name)
    await check_room(ctx, API_DESTINATION, "", API_DESTINATIONS_PER_REGION)
    now = ctx.now_ms()
    value: dict[str, Any] = {
        "Id": new_uuid(),
        **_changes(settings),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    return await _save(ctx, None, Record(name, value, 0))


def _exists(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"An api-destination '{name}' already exists.")


def _changes(settings: tuple[Any, ...]) -> dict[str, Any]:
    return {member: new for member, new in zip(_SETTINGS, settings, strict=True) if new is not None}


async def _check(ctx: Context, connection: str | None, endpoint: str | None) -> None:
    if endpoint is not None:
        check_url("InvocationEndpoint", endpoint)
    if connection is not None and await find_connection(ctx.store, ctx.scope, connection) is None:
        raise AwsError("ResourceNotFoundException", f"Connection '{connection}' does not exist.")


async def _save(ctx: Context, before: Record | None, after: Record) -> dict[str, Any]:
    """Store the API destination over the revision that was read, and return its reply. Raises Conflict."""
    reply, state_events = await _state(ctx, after), StateEvents(ctx.platform, ctx.scope)
    state = reply["ApiDestinationState"]
    if state != ("INACTIVE" if before is None else (await _state(ctx, before))["ApiDestinationState"]):
        state_events.destination(after, state)
    await state_events.commit(
        PutRecord(ctx.scope, API_DESTINATION, after.key, after.value, expect=after.revision)
    )
    return reply


async def _state(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    connection = await find_connection(ctx.store, ctx.scope, value["ConnectionArn"])
    return {
        "ApiDestinationArn": api_destination_arn(ctx.scope, record.key, value),
        "ApiDestinationState": state_of_destination(connection),
        "CreationTime": reply_time(value["CreationTime"]),
        "LastModifiedTime": reply_time(value["LastModifiedTime"]),
    }


async def _find(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, API_DESTINATION, name)
    if record is None:
        raise AwsError(
            "ResourceNotFoundException",
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist.",
        )
    return record


async def _listed(ctx: Context, record: Record) -> dict[str, Any]:
    settings = {member: record.value.get(member) for member in _SETTINGS[1:]}
    return {"Name": record.key, **settings, **await _state(ctx, record)}


async def describe_api_destination(ctx: Context, *, name: str) -> dict[str, Any]:
    record = await _find(ctx, name)
    return {**await _listed(ctx, record), "Description": record.value.get("Description")}


async def list_api_destinations(
    ctx: Context,
    *,
    name_prefix: str = "",
    connection_arn: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, API_DESTINATION, prefix=name_prefix)
    if connection_arn is not None:
        records = [record for record in records if record.value["ConnectionArn"] == connection_arn]
    page_items, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"ApiDestinations": [await _listed(ctx, record) for record in page_items], "NextToken": token}


async def update_api_destination(
    ctx: Context,
    *,
    name: str,
    description: str | None = None,
    connection_arn: str | None = None,
    invocation_endpoint: str | None = None,
    http_method: str | None = None,
    invocation_rate_limit_per_second: int | None = None,
) -> dict[str, Any]:
    record = await _find(ctx, name)
    settings = (
        description,
        connection_arn,
        invocation_endpoint,
        http_method,
        invocation_rate_limit_per_second,
    )
    await _check(ctx, connection_arn, invocation_endpoint)
    value = {**record.value, **_changes(settings), "LastModifiedTime": ctx.now_ms()}
    return await _save(ctx, record, Record(name, value, record.revision))


async def delete_api_destination(ctx: Context, *, name: str) -> None:
    record = await _find(ctx, name)
    await ctx.store.commit(DeleteRecord(ctx.scope, API_DESTINATION, name, expect=record.revision))
