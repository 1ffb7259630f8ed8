"""Manages global endpoints, each of which stands for two buses of one name in two regions of the node.

Nightbus has no Route 53 and regards every health check as passed, so events go to the primary region, and with
replication to the secondary one as well.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.delivery.rules import BUS, DEFAULT_BUS
from nightbus.services.context import Context
from nightbus.services.events.names import in_scope, invalid_token, reply_time
from nightbus.services.events.quotas import ENDPOINTS_PER_REGION, check_room
from nightbus.store.interface import DeleteRecord, PutRecord, Record, Store

ENDPOINT = "events/endpoint"
_BY_ID = "events/endpoint-id"  # in the account's global scope
_PAGE = 100
_SETTINGS = ("Description", "RoutingConfig", "ReplicationConfig", "EventBuses", "RoleArn")


async def create_endpoint(
    ctx: Context,
    *,
    name: str,
    routing_config: dict[str, Any],
    event_buses: list[dict[str, str]],
    description: str | None = None,
    replication_config: dict[str, str] | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    """Create an endpoint. Its primary region is the region of the call."""
    now = ctx.now_ms()
    value: dict[str, Any] = {
        "Name": name,
        "RoutingConfig": routing_config,
        "ReplicationConfig": {"State": "ENABLED", **(replication_config or {})},
        "EventBuses": event_buses,
        "EndpointId": _new_id(),
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    value |= {} if description is None else {"Description": description}
    value |= {} if role_arn is None else {"RoleArn": role_arn}
    await _check(ctx, value)
    if await ctx.store.get(ctx.scope, ENDPOINT, name) is not None:
        raise AwsError("ResourceAlreadyExistsException", f"Endpoint {name} already exists.")
    await check_room(ctx, ENDPOINT, "", ENDPOINTS_PER_REGION)
    reference = {"Region": ctx.region, "Name": name}
    await ctx.store.commit(
        PutRecord(ctx.scope, ENDPOINT, name, value, expect=0),
        PutRecord(ctx.global_scope, _BY_ID, value["EndpointId"], reference, expect=0),
    )
    reply = _endpoint_reply(ctx, value)
    return {member: reply[member] for member in ("Name", "Arn", "State", *_SETTINGS[1:])}


def _new_id() -> str:
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(10)) + ".veo"


async def _check(ctx: Context, value: Mapping[str, Any]) -> None:
    """Raise AwsError unless both buses exist, have one name, and are in the two regions."""
    route = value["RoutingConfig"]["FailoverConfig"]["Secondary"]["Route"]
    arns = [Arn.parse(one["EventBusArn"]) for one in value["EventBuses"]]
    if {arn.region for arn in arns} != {ctx.region, route} or route == ctx.region:
        raise validation_error(
            f"The event buses must be in the primary Region {ctx.region} and the secondary Region {route}."
        )
    if {arn.account for arn in arns} != {ctx.account}:
        raise validation_error("The event buses must be in the account of the endpoint.")
    if len({arn.resource for arn in arns}) != 1:
        raise validation_error("The names of the event buses must be identical in each Region.")
    bus = arns[0].resource.removeprefix("event-bus/")
    for arn in arns:
        if bus != DEFAULT_BUS and await ctx.store.get(Scope(arn.account, arn.region), BUS, bus) is None:
            raise validation_error(f"Event bus {arn} does not exist.")
    if value["ReplicationConfig"]["State"] == "ENABLED" and not value.get("RoleArn"):
        raise validation_error("RoleArn is required when event replication is enabled.")


def _endpoint_reply(ctx: Context, value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": value["Name"],
        "Arn": ctx.arn("events", f"endpoint/{value['Name']}"),
        **{member: value.get(member) for member in _SETTINGS},
        "EndpointId": value["EndpointId"],
        "EndpointUrl": f"https://{value['EndpointId']}.endpoint.events.amazonaws.com",
        "State": "ACTIVE",
        "CreationTime": reply_time(value["CreationTime"]),
        "LastModifiedTime": reply_time(value["LastModifiedTime"]),
    }


async def describe_endpoint(ctx: Context, *, name: str, home_region: str | None = None) -> dict[str, Any]:
    """Describe an endpoint in its primary region; `home_region`, if it is there, must be that region."""
    if home_region not in (None, ctx.region):
        raise _no_endpoint(name)
    return _endpoint_reply(ctx, (await _find(ctx, name)).value)


async def _find(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, ENDPOINT, name)
    if record is None:
        raise _no_endpoint(name)
    return record


def _no_endpoint(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Endpoint {name} does not exist.")


async def list_endpoints(
    ctx: Context,
    *,
    name_prefix: str = "",
    home_region: str | None = None,
    next_token: str | None = None,
    max_results: int = _PAGE,
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, ENDPOINT, prefix=name_prefix)
    if home_region not in (None, ctx.region):
        records = []
    page_items, token = page(records, lambda record: record.key, max_results, next_token, invalid_token())
    return {"Endpoints": [_endpoint_reply(ctx, record.value) for record in page_items], "NextToken": token}


async def update_endpoint(
    ctx: Context,
    *,
    name: str,
    description: str | None = None,
    routing_config: dict[str, Any] | None = None,
    replication_config: dict[str, str] | None = None,
    event_buses: list[dict[str, str]] | None = None,
    role_arn: str | None = None,
) -> dict[str, Any]:
    record = await _find(ctx, name)
    replication = None if replication_config is None else {"State": "ENABLED", **replication_config}
    settings = (description, routing_config, replication, event_buses, role_arn)
    changes = {member: new for member, new in zip(_SETTINGS, settings, strict=True) if new is not None}
    value = {**record.value, **changes, "LastModifiedTime": ctx.now_ms()}
    await _check(ctx, value)
    await ctx.store.commit(PutRecord(ctx.scope, ENDPOINT, name, value, expect=record.revision))
    reply = _endpoint_reply(ctx, value)
    members = ("Name", "Arn", "EndpointId", "EndpointUrl", "State", *_SETTINGS[1:])
    return {member: reply[member] for member in members}


async def delete_endpoint(ctx: Context, *, name: str) -> None:
    record = await _find(ctx, name)
    await ctx.store.commit(
        DeleteRecord(ctx.scope, ENDPOINT, name, expect=record.revision),
        DeleteRecord(ctx.global_scope, _BY_ID, record.value["EndpointId"]),
    )


async def endpoint_with(store: Store, account: str, endpoint_id: str) -> tuple[Scope, Record] | None:
    """Return the primary scope and the record of the endpoint with the id, None if there is none."""
    reference = await store.get(Scope(account, ""), _BY_ID, endpoint_id)
    if reference is None:
        return None
    scope = Scope(account, reference.value["Region"])
    record = await store.get(scope, ENDPOINT, reference.value["Name"])
    return None if record is None else (scope, record)


async def resolve_endpoint(
    ctx: Context, endpoint_id: str, entries: list[dict[str, Any]]
) -> tuple[Context, list[dict[str, Any]], Scope | None]:
    """Return the call in the primary region, the entries for its bus, and the scope that gets copies of the events
    (None without replication).

    Raises AwsError for an endpoint that does not exist, and for an entry that names another bus.
    """
    found = await endpoint_with(ctx.store, ctx.account, endpoint_id)
    if found is None:
        raise validation_error(f"Endpoint {endpoint_id} does not exist.")
    scope, record = found
    arns = [one["EventBusArn"] for one in record.value["EventBuses"]]
    bus = Arn.parse(arns[0]).resource.removeprefix("event-bus/")
    for entry in entries:
        if entry.get("EventBusName", DEFAULT_BUS) not in (bus, *arns):
            raise validation_error(
                f"Event bus {entry.get('EventBusName', DEFAULT_BUS)} is not a bus of endpoint {endpoint_id}."
            )
    secondary = record.value["RoutingConfig"]["FailoverConfig"]["Secondary"]["Route"]
    replicated = record.value["ReplicationConfig"]["State"] == "ENABLED"
    copies = Scope(ctx.account, secondary) if replicated else None
    return in_scope(ctx, scope), [{**entry, "EventBusName": bus} for entry in entries], copies
