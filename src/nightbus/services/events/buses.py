"""Creates, changes, describes, lists and deletes event buses; every account and region has a default one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.pagination import page
from nightbus.delivery.archives import archives_of
from nightbus.delivery.rules import BUS, DEFAULT_BUS, bus_arn, history_log, outcome_log, rules_of
from nightbus.services.context import Context
from nightbus.services.events.bus_members import bus_removal
from nightbus.services.events.encryption_keys import check_key
from nightbus.services.events.names import bus_name, find_bus, invalid_token, reply_time
from nightbus.services.events.permissions import policy_text
from nightbus.services.events.quotas import BUSES_PER_REGION, check_room, tags_of_new
from nightbus.services.events.sources import activation, bus_deleted
from nightbus.services.events.target_parameters import check_dead_letter_queue
from nightbus.store.interface import PutRecord, Record, TrimLog

_PAGE = 100
_SETTINGS = ("Description", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")
_LISTED = ("Name", "Arn", "Description", "Policy", "CreationTime", "LastModifiedTime")


async def create_event_bus(
    ctx: Context,
    *,
    name: str,
    description: str | None = None,
    kms_key_identifier: str | None = None,
    dead_letter_config: dict[str, str] | None = None,
    log_config: dict[str, str] | None = None,
    tags: list[dict[str, str]] | None = None,
    event_source_name: str | None = None,
) -> dict[str, Any]:
    _check_name(name, event_source_name)
    await check_key(ctx, kms_key_identifier, bus_arn(ctx.scope, name))
    source = [] if event_source_name is None else [await activation(ctx, event_source_name)]
    if await ctx.store.get(ctx.scope, BUS, name) is not None:
        raise _exists(name)
    await check_room(ctx, BUS, "", BUSES_PER_REGION)
    now = ctx.now_ms()
    value: dict[str, Any] = {"Name": name, "CreationTime": now, "LastModifiedTime": now}
    if description is not None:
        value["Description"] = description
    value |= _settings(ctx.scope, kms_key_identifier, dead_letter_config, log_config)
    value["Tags"] = tags_of_new(ctx, tags)
    await ctx.store.commit(PutRecord(ctx.scope, BUS, name, value, expect=0), *source)
    return {"EventBusArn": bus_arn(ctx.scope, name), **_settings_reply(value)}


def _check_name(name: str, source: str | None) -> None:
    """Check that the bus has the name of its partner event source, or a name that is not such a source's."""
    if source is not None and name != source:
        raise validation_error("The name of a partner event bus must be that of its event source.")
    if source is None and (name.startswith("aws.") or "/" in name):
        reason = "cannot contain '/'" if "/" in name else "cannot begin with 'aws.'"
        raise validation_error(f"Event bus name {name} {reason}.")
    if name == DEFAULT_BUS:
        raise _exists(name)


def _settings(
    scope: Scope, key: str | None, dead_letters: Mapping[str, str] | None, log: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return the settings that the request has, by AWS's names. Raises AwsError for an invalid dead-letter queue."""
    settings: dict[str, Any] = {}
    if key is not None:
        settings["KmsKeyIdentifier"] = key
    if dead_letters is not None:
        arn = dead_letters.get("Arn")
        if arn:
            check_dead_letter_queue(arn, scope)
        settings["DeadLetterConfig"] = dict(dead_letters)
    if log is not None:
        settings["LogConfig"] = {"IncludeDetail": "NONE", "Level": "OFF", **log}
    return settings


def _settings_reply(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for replies. Empty values stand for removed settings."""
    return {name: value.get(name) or None for name in _SETTINGS}


def _exists(name: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"Event bus {name} already exists.")


async def update_event_bus(
    ctx: Context,
    *,
    name: str = DEFAULT_BUS,
    description: str | None = None,
    kms_key_identifier: str | None = None,
    dead_letter_config: dict[str, str] | None = None,
    log_config: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Change a bus. Without a key it uses AWS's own again; other settings that the request omits stay."""
    record = await find_bus(ctx, name)
    await check_key(ctx, kms_key_identifier, bus_arn(ctx.scope, name))
    value = {**record.value, "LastModifiedTime": ctx.now_ms()}
    value.pop("KmsKeyIdentifier", None)
    value |= _settings(ctx.scope, kms_key_identifier, dead_letter_config, log_config)
    if description is not None:
        value["Description"] = description
    await ctx.store.commit(PutRecord(ctx.scope, BUS, name, value, expect=record.revision))
    return {"Arn": bus_arn(ctx.scope, name), "Name": name, **_settings_reply(value)}


async def describe_event_bus(ctx: Context, *, name: str | None = None) -> dict[str, Any]:
    return _described(ctx, await find_bus(ctx, bus_name(ctx, name)))


def _described(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    return {
        "Name": record.key,
        "Arn": bus_arn(ctx.scope, record.key),
        **_settings_reply(value),
        "Policy": policy_text(value.get("Statements", [])),
        "CreationTime": reply_time(value.get("CreationTime")),
        "LastModifiedTime": reply_time(value.get("LastModifiedTime")),
    }


async def list_event_buses(
    ctx: Context, *, name_prefix: str = "", next_token: str | None = None, limit: int = _PAGE
) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, BUS)
    if not any(record.key == DEFAULT_BUS for record in records):
        records = [*records, Record(DEFAULT_BUS, {"Name": DEFAULT_BUS}, 0)]
    # The default bus comes first, as on AWS; the others by name.
    buses = sorted((r for r in records if r.key.startswith(name_prefix)), key=_bus_order)
    page_items, token = page(buses, _bus_order, limit, next_token, invalid_token())
    return {"EventBuses": [_listed(ctx, record) for record in page_items], "NextToken": token}


def _listed(ctx: Context, record: Record) -> dict[str, Any]:
    described = _described(ctx, record)
    return {name: described[name] for name in _LISTED}


def _bus_order(record: Record) -> str:
    return "" if record.key == DEFAULT_BUS else record.key


async def delete_event_bus(ctx: Context, *, name: str) -> None:
    if name == DEFAULT_BUS:
        raise validation_error("Cannot delete event bus default.")
    record = await ctx.store.get(ctx.scope, BUS, name)
    if record is None:
        return
    removal = await bus_removal(ctx, record)
    # Each archive counts as a managed rule of the bus.
    if await rules_of(ctx.store, ctx.scope, name) or await archives_of(ctx.store, ctx.scope, name):
        raise validation_error(f"Event bus {name} cannot be deleted since it has rules.")
    await ctx.store.commit(
        *removal,
        TrimLog(ctx.scope, history_log(name)),
        TrimLog(ctx.scope, outcome_log(name)),
        *await bus_deleted(ctx, name),
    )
