"""Creates, changes, describes and deletes archives, which keep a bus's events by pattern for a number of days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.delivery.archives import ARCHIVE, Archive, archive_arn
from nightbus.delivery.rules import RULE, bus_arn, rule_key
from nightbus.services.context import Context
from nightbus.services.events.bus_members import member_changes
from nightbus.services.events.encryption_keys import check_key
from nightbus.services.events.engines.archive_sizes import SIZE, size_of
from nightbus.services.events.managed_rules import managed_name
from nightbus.services.events.names import find_bus, invalid_token, no_such_bus, scope_and_bus
from nightbus.services.events.quotas import ARCHIVES_PER_REGION, check_room
from nightbus.services.events.rules import check_pattern
from nightbus.store.interface import DeleteRecord, PutRecord, Record, TrimLog

_PAGE = 100


async def create_archive(
    ctx: Context,
    *,
    archive_name: str,
    event_source_arn: str,
    description: str | None = None,
    event_pattern: str | None = None,
    retention_days: int = 0,
    kms_key_identifier: str | None = None,
) -> dict[str, Any]:
    if event_pattern:
        check_pattern(event_pattern)
    await check_key(ctx, kms_key_identifier, archive_arn(ctx.scope, archive_name), "archive")
    value: dict[str, Any] = {
        "Id": f"{archive_name}/{new_hex()}",
        "RetentionDays": retention_days,
        "CreationTime": ctx.now_ms(),
        **_requested_settings(description, event_pattern, kms_key_identifier),
    }
    bus = await _source(ctx, event_source_arn)
    await _check_free(ctx, archive_name, bus.key)
    await check_room(ctx, ARCHIVE, "", ARCHIVES_PER_REGION)
    value["EventBusName"] = bus.key
    put = PutRecord(ctx.scope, ARCHIVE, archive_name, value, expect=0)
    await ctx.store.commit(put, *await member_changes(ctx, bus))
    return _state(ctx, archive_name, value)


async def _check_free(ctx: Context, name: str, bus: str) -> None:
    """Raise AwsError if the archive exists, or a rule with the name of the archive's managed rule."""
    if await ctx.store.get(ctx.scope, ARCHIVE, name) is not None:
        raise AwsError("ResourceAlreadyExistsException", f"Archive {name} already exists.")
    rule = managed_name(name)
    if await ctx.store.get(ctx.scope, RULE, rule_key(bus, rule)) is not None:
        raise AwsError("ResourceAlreadyExistsException", f"Rule {rule} already exists.")


async def _source(ctx: Context, text: str) -> Record:
    """Return the bus. Raises AwsError unless the ARN is that of a bus of this account and region."""
    if ":event-bus/" not in text:
        raise validation_error(
            "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN."
        )
    scope, bus = scope_and_bus(ctx, text)
    if scope != ctx.scope:
        raise no_such_bus(bus)
    return await find_bus(ctx, bus)


def _requested_settings(
    description: str | None, event_pattern: str | None, key: str | None
) -> dict[str, str]:
    """Return the settings that the request has. An empty text removes a setting."""
    settings = {"Description": description, "EventPattern": event_pattern, "KmsKeyIdentifier": key}
    return {name: text for name, text in settings.items() if text is not None}


def _state(ctx: Context, name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "ArchiveArn": archive_arn(ctx.scope, name),
        "State": "ENABLED",
        "CreationTime": when(value["CreationTime"]),
    }


def when(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


async def find_archive(ctx: Context, name: str) -> Record:
    record = await ctx.store.get(ctx.scope, ARCHIVE, name)
    if record is None:
        raise AwsError("ResourceNotFoundException", f"Archive {name} does not exist.")
    return record


async def update_archive(
    ctx: Context,
    *,
    archive_name: str,
    description: str | None = None,
    event_pattern: str | None = None,
    retention_days: int | None = None,
    kms_key_identifier: str | None = None,
) -> dict[str, Any]:
    record = await find_archive(ctx, archive_name)
    if event_pattern:
        check_pattern(event_pattern)
    await check_key(ctx, kms_key_identifier, archive_arn(ctx.scope, archive_name), "archive")
    value = record.value | _requested_settings(description, event_pattern, kms_key_identifier)
    if retention_days is not None:
        value["RetentionDays"] = retention_days
    await ctx.store.commit(PutRecord(ctx.scope, ARCHIVE, archive_name, value, expect=record.revision))
    return _state(ctx, archive_name, value)


async def describe_archive(ctx: Context, *, archive_name: str) -> dict[str, Any]:
    record = await find_archive(ctx, archive_name)
    return {
        "ArchiveArn": archive_arn(ctx.scope, archive_name),
        "Description": record.value.get("Description") or None,
        "EventPattern": record.value.get("EventPattern") or None,
        "KmsKeyIdentifier": record.value.get("KmsKeyIdentifier") or None,
        **await _listed(ctx, record),
    }


async def _listed(ctx: Context, record: Record) -> dict[str, Any]:
    value = record.value
    size = await size_of(ctx.store, ctx.scope, Archive.of(record))
    return {
        "ArchiveName": record.key,
        "EventSourceArn": bus_arn(ctx.scope, value["EventBusName"]),
        "State": "ENABLED",
        "RetentionDays": value["RetentionDays"],
        "SizeBytes": size.bytes,
        "EventCount": size.events,
        "CreationTime": when(value["CreationTime"]),
    }


async def list_archives(
    ctx: Context,
    *,
    name_prefix: str | None = None,
    event_source_arn: str | None = None,
    state: str | None = None,
    next_token: str | None = None,
    limit: int = _PAGE,
) -> dict[str, Any]:
    if sum(one is not None for one in (name_prefix, event_source_arn, state)) > 1:
        raise validation_error(
            "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix."
        )
    records = await ctx.store.list(ctx.scope, ARCHIVE, prefix=name_prefix or "")
    if event_source_arn is not None:
        await _source(ctx, event_source_arn)
        records = [
            one for one in records if bus_arn(ctx.scope, one.value["EventBusName"]) == event_source_arn
        ]
    if state not in (None, "ENABLED"):
        records = []
    page_items, token = page(records, lambda record: record.key, limit, next_token, invalid_token())
    return {"Archives": [await _listed(ctx, record) for record in page_items], "NextToken": token}


async def delete_archive(ctx: Context, *, archive_name: str) -> None:
    record = await find_archive(ctx, archive_name)
    log = Archive.of(record).log
    await ctx.store.commit(
        DeleteRecord(ctx.scope, ARCHIVE, archive_name, expect=record.revision),
        DeleteRecord(ctx.scope, SIZE, log),
        TrimLog(ctx.scope, log, ended=True),
    )
    # The duty that trims archives deletes entries that other commits append in between.
