"""Puts, changes, lists and deletes the settings of asynchronous invocation: retries, age of events, destinations."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import not_supported
from nightbus.aws.support import takes_invocation_records
from nightbus.services.context import Context
from nightbus.services.lambda_.access.sending_rights import check_sending
from nightbus.services.lambda_.errors import invalid_parameter_value, not_found
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    EVENT_INVOKE,
    function_requirements,
    qualified_key,
    require_version,
)
from nightbus.services.lambda_.shapes import paged
from nightbus.store.interface import DeleteRecord, PutRecord, Record


async def put_function_event_invoke_config(
    ctx: Context,
    *,
    function_name: str,
    qualifier: str | None = None,
    maximum_retry_attempts: int | None = None,
    maximum_event_age_in_seconds: int | None = None,
    destination_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Replace all settings."""
    ref = function_ref(ctx.scope, function_name, qualifier)
    await require_version(ctx, ref)
    settings = _requested_settings(
        maximum_retry_attempts, maximum_event_age_in_seconds, destination_config, "Put"
    )
    await _check_destinations(ctx, ref, settings)
    return await _store(ctx, ref, settings, None)


async def update_function_event_invoke_config(
    ctx: Context,
    *,
    function_name: str,
    qualifier: str | None = None,
    maximum_retry_attempts: int | None = None,
    maximum_event_age_in_seconds: int | None = None,
    destination_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Change the settings that the request has, and leave the others."""
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _require(ctx, ref)
    settings = _requested_settings(
        maximum_retry_attempts, maximum_event_age_in_seconds, destination_config, "Update"
    )
    await _check_destinations(ctx, ref, settings)
    return await _store(ctx, ref, record.value["config"] | settings, record.revision)


async def get_function_event_invoke_config(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    return _described(ref, (await _require(ctx, ref)).value)


async def delete_function_event_invoke_config(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> None:
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _require(ctx, ref)
    await ctx.store.commit(DeleteRecord(ref.scope, EVENT_INVOKE, record.key, expect=record.revision))


async def list_function_event_invoke_configs(
    ctx: Context, *, function_name: str, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await require_version(ctx, ref)
    records = await ctx.store.list(ref.scope, EVENT_INVOKE, prefix=f"{ref.name}:")
    configs = [(record.key, _described(ref, record.value)) for record in records]
    page_items, token = paged(configs, marker, max_items)
    return {"FunctionEventInvokeConfigs": page_items, "NextMarker": token}


def _requested_settings(
    retries: int | None, age: int | None, destinations: dict[str, Any] | None, verb: str
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if retries is not None:
        settings["MaximumRetryAttempts"] = retries
    if age is not None:
        settings["MaximumEventAgeInSeconds"] = age
    if destinations is not None:
        settings["DestinationConfig"] = _destinations(destinations, f"{verb}FunctionEventInvokeConfig")
    return settings


def _destinations(config: dict[str, Any], operation: str) -> dict[str, Any]:
    by_outcome = {}
    for outcome in ("OnSuccess", "OnFailure"):
        destination = (config.get(outcome) or {}).get("Destination")
        if not destination:
            continue
        try:
            parsed = Arn.parse(destination)
        except ValueError:
            text = f"The destination ARN {destination} is invalid."
            raise invalid_parameter_value(text) from None
        if not takes_invocation_records(parsed, outcome):
            raise not_supported("lambda", operation, f"the {outcome} destination {destination}")
        by_outcome[outcome] = {"Destination": destination}
    return by_outcome


async def _check_destinations(ctx: Context, ref: FunctionRef, settings: dict[str, Any]) -> None:
    """Raise AwsError unless the role of the version may send to the destinations."""
    _, version = await require_version(ctx, ref)
    for outcome, destination in settings.get("DestinationConfig", {}).items():
        role = version["config"]["Role"]
        await check_sending(ctx, role, ref.arn, destination["Destination"], outcome)


async def _store(
    ctx: Context, ref: FunctionRef, config: dict[str, Any], expect: int | None
) -> dict[str, Any]:
    value = {"qualifier": ref.version_or_alias, "config": config, "modified": ctx.now_ms()}
    key = qualified_key(ref.name, ref.version_or_alias)
    await ctx.store.commit(
        *await function_requirements(ctx, ref), PutRecord(ref.scope, EVENT_INVOKE, key, value, expect=expect)
    )
    return _described(ref, value)


async def _require(ctx: Context, ref: FunctionRef) -> Record:
    await require_version(ctx, ref)
    key = qualified_key(ref.name, ref.version_or_alias)
    record = await ctx.store.get(ref.scope, EVENT_INVOKE, key)
    if record is None:
        raise not_found(f"The function {ref.arn}:{ref.version_or_alias} doesn't have an EventInvokeConfig")
    return record


def _described(ref: FunctionRef, value: dict[str, Any]) -> dict[str, Any]:
    described = {
        "LastModified": value["modified"] / 1000,
        "FunctionArn": f"{ref.arn}:{value['qualifier']}",
        **value["config"],
    }
    destinations = value["config"].get("DestinationConfig", {})
    described["DestinationConfig"] = {"OnSuccess": {}, "OnFailure": {}} | destinations
    return described
