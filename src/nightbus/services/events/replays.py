"""Starts, describes, lists and cancels replays. `engines/replaying.py` carries them out."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.delivery.archives import ARCHIVE, Archive, archive_arn
from nightbus.delivery.rules import RULE, rule_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.archives import when
from nightbus.services.events.encryption_keys import check_key
from nightbus.services.events.engines.replaying import QUEUE, REPLAY
from nightbus.services.events.names import invalid_token, scope_and_bus
from nightbus.services.events.quotas import ACTIVE_REPLAYS, check_quota
from nightbus.store.interface import SYSTEM, Enqueue, PutRecord, Record

_PAGE = 100
_CANCELLABLE = ("STARTING", "RUNNING")
_ACTIVE = (*_CANCELLABLE, "CANCELLING")


async def start_replay(
    ctx: Context,
    *,
    replay_name: str,
    event_source_arn: str,
    event_start_time: datetime,
    event_end_time: datetime,
    destination: dict[str, Any],
    description: str | None = None,
) -> dict[str, Any]:
    archive = await _archive(ctx, event_source_arn)
    await check_key(ctx, archive.key, archive_arn(ctx.scope, archive.name), "archive")
    _check_destination(ctx, archive, destination["Arn"])
    for rule in destination.get("FilterArns") or ():
        await _check_rule(ctx, archive, rule)
    if event_start_time >= event_end_time:
        raise _invalid("EventEndTime", "EventStartTime must be before EventEndTime.")
    replays = await ctx.store.list(ctx.scope, REPLAY)
    if any(one.key == replay_name for one in replays):
        raise _exists(replay_name)
    check_quota(ctx, sum(one.value["State"] in _ACTIVE for one in replays) + 1, ACTIVE_REPLAYS)
    now = ctx.now_ms()
    newest = await ctx.store.read(ctx.scope, archive.log, limit=1, backwards=True)
    value: dict[str, Any] = {
        "Archive": archive.name,
        "EventBusName": archive.bus,
        "Destination": destination,
        "Description": description,
        "EventStartTime": _milliseconds(event_start_time),
        "EventEndTime": _milliseconds(event_end_time),
        "State": "STARTING",
        "ReplayStartTime": now,
        "Log": archive.log,
        "Until": newest[0].offset if newest else 0,  # events that are archived from now on are not replayed
    }
    work = Enqueue(SYSTEM, QUEUE, orjson.dumps([list(ctx.scope), replay_name]), now)
    await ctx.store.commit(PutRecord(ctx.scope, REPLAY, replay_name, value, expect=0), work)
    return {
        "ReplayArn": replay_arn(ctx.scope, replay_name),
        "State": "STARTING",
        "ReplayStartTime": when(now),
    }


def replay_arn(scope: Scope, name: str) -> str:
    return arn("events", scope.region, scope.account, f"replay/{name}")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _invalid(parameter: str, reason: str) -> AwsError:
    return validation_error(f"Parameter {parameter} is not valid. Reason: {reason}")


def _exists(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"Replay {name} already exists.")


async def _archive(ctx: Context, text: str) -> Archive:
    try:
        parsed = Arn.parse(text)
    except ValueError:
        parsed = Arn("", "", "", "", "")
    kind, _, name = parsed.resource.partition("/")
    if kind != "archive":
        raise _invalid("EventSourceArn", "Must contain an archive ARN.")
    record = None
    if (parsed.account, parsed.region) == ctx.scope:
        record = await ctx.store.get(ctx.scope, ARCHIVE, name)
    if record is None:
        raise _invalid("EventSourceArn", f"Archive {name} does not exist.")
    return Archive.of(record)


def _check_destination(ctx: Context, archive: Archive, text: str) -> None:
    if ":event-bus/" not in text:
        raise _invalid("Destination.Arn", "Must contain an event bus ARN.")
    if scope_and_bus(ctx, text) != (ctx.scope, archive.bus):
        raise _invalid("Destination.Arn", "Cross event bus replay is not permitted.")


async def _check_rule(ctx: Context, archive: Archive, text: str) -> None:
    name = text.rpartition("/")[2]
    if text != rule_arn(ctx.scope, archive.bus, name):
        raise _invalid("Destination.FilterArns", f"{text} is no rule of event bus {archive.bus}.")
    if await ctx.store.get(ctx.scope, RULE, rule_key(archive.bus, name)) is None:
        raise AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {archive.bus}.")


async def _find(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, REPLAY, name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Replay {name} does not exist.")
    return record


async def describe_replay(ctx: Context, *, replay_name: str) -> dict[str, Any]:
    record = await _find(ctx, replay_name)
    return {
        "ReplayArn": replay_arn(ctx.scope, replay_name),
        "Description": record.value["Description"],
        "Destination": record.value["Destination"],
        **_listed(ctx, record),
    }


def _listed(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    times = (
        "EventStartTime", "EventEndTime", "EventLastReplayedTime", "ReplayStartTime", "ReplayEndTime",
    )  # fmt: skip
    return {
        "ReplayName": record.key,
        "EventSourceArn": archive_arn(ctx.scope, value["Archive"]),
        "State": value["State"],
        "StateReason": value.get("StateReason"),
        **{name: when(value.get(name)) for name in times},
    }


async def list_replays(
    ctx: Context,
    *,
    name_prefix: str | None = None,
    state: str | None = None,
    event_source_arn: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    if sum(one is not None for one in (name_prefix, event_source_arn, state)) > 1:
        raise validation_error(
            "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix."
        )
    records = [
        record
        for record in await ctx.store.list(ctx.scope, REPLAY, prefix=name_prefix or "")
        if state in (None, record.value["State"])
        and event_source_arn in (None, archive_arn(ctx.scope, record.value["Archive"]))
    ]
    page_items, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Replays": [_listed(ctx, record) for record in page_items], "NextToken": token}


async def cancel_replay(ctx: Context, *, replay_name: str) -> dict[str, Any]:
    record = await _find(ctx, replay_name)
    if record.value["State"] not in _CANCELLABLE:
        raise AwsError(
            "IllegalStatusException", f"Replay {replay_name} is not in a valid state for this operation."
        )
    value = {**record.value, "State": "CANCELLING"}
    await ctx.store.commit(PutRecord(ctx.scope, REPLAY, replay_name, value, expect=record.revision))
    return {"ReplayArn": replay_arn(ctx.scope, replay_name), "State": "CANCELLING"}
