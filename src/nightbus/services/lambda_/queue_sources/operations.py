"""Creates, changes, lists and deletes event source mappings. `queue_sources/` carries them out."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.aws.ids import new_uuid
from nightbus.aws.support import EVENT_SOURCES
from nightbus.messaging.queue import Queue
from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value, no_function, no_resource
from nightbus.services.lambda_.invocations.role_session import role_session
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.queue_sources.settings import (
    DEFAULTS,
    EVENT_SOURCE,
    check_mapping,
    merged_settings,
    no_such_event_source,
)
from nightbus.services.lambda_.records import FUNCTION, require_version
from nightbus.services.lambda_.settings.encryption_key import check_key_of_filter
from nightbus.services.lambda_.shapes import paged
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_BY_USER = "USER_INITIATED"


async def create_event_source_mapping(
    ctx: Context,
    *,
    function_name: str,
    event_source_arn: str | None = None,
    enabled: bool = True,
    batch_size: int | None = None,
    filter_criteria: dict[str, Any] | None = None,
    scaling_config: dict[str, Any] | None = None,
    maximum_batching_window_in_seconds: int | None = None,
    function_response_types: list[str] | None = None,
    kms_key_arn: str | None = None,
    starting_position: str | None = None,
    tags: dict[str, str] | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    requested = {
        "BatchSize": batch_size,
        "FilterCriteria": filter_criteria,
        "ScalingConfig": scaling_config,
        "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds,
        "FunctionResponseTypes": function_response_types,
        "KMSKeyArn": kms_key_arn,
    }
    queue = await _queue(ctx, event_source_arn or "", "CreateEventSourceMapping")
    await check_key_of_filter(ctx, kms_key_arn)
    if starting_position is not None:
        raise invalid_parameter_value("StartingPosition is not valid for SQS event sources.")
    config = merged_settings(DEFAULTS, requested)
    await _check(ctx, ref, queue, config)
    for record in await ctx.store.list(ctx.scope, EVENT_SOURCE):
        if record.value["source"] == queue.arn and record.value["function"] == ref.qualified_arn:
            raise conflict(
                f'An event source mapping with SQS arn (" {queue.arn} ") and function (" {ref.name} ")'
                f" already exists. Please update or delete the existing mapping with UUID {record.key}"
            )
    value = {
        "source": queue.arn,
        "function": ref.qualified_arn,
        "enabled": enabled,
        "config": config,
        "tags": tags or {},
        "modified": ctx.now_ms(),
    }
    uuid = new_uuid()
    await ctx.store.commit(PutRecord(ctx.scope, EVENT_SOURCE, uuid, value, expect=0))
    return _described(ctx.scope, uuid, value, "Creating")


async def update_event_source_mapping(
    ctx: Context,
    *,
    uuid: str,
    function_name: str | None = None,
    enabled: bool | None = None,
    batch_size: int | None = None,
    filter_criteria: dict[str, Any] | None = None,
    scaling_config: dict[str, Any] | None = None,
    maximum_batching_window_in_seconds: int | None = None,
    function_response_types: list[str] | None = None,
    kms_key_arn: str | None = None,
) -> dict[str, Any]:
    record = await _require(ctx, uuid)
    ref = function_ref(ctx.scope, function_name or record.value["function"])
    requested = {
        "BatchSize": batch_size,
        "FilterCriteria": filter_criteria,
        "ScalingConfig": scaling_config,
        "MaximumBatchingWindowInSeconds": maximum_batching_window_in_seconds,
        "FunctionResponseTypes": function_response_types,
        "KMSKeyArn": kms_key_arn,
    }
    queue = await _queue(ctx, record.value["source"], "UpdateEventSourceMapping")
    await check_key_of_filter(ctx, kms_key_arn)
    config = merged_settings(record.value["config"], requested)
    await _check(ctx, ref, queue, config)
    value = {
        **record.value,
        "function": ref.qualified_arn,
        "enabled": record.value["enabled"] if enabled is None else enabled,
        "config": config,
        "modified": ctx.now_ms(),
    }
    await ctx.store.commit(PutRecord(ctx.scope, EVENT_SOURCE, uuid, value, expect=record.revision))
    state = "Updating"
    if value["enabled"] != record.value["enabled"]:
        state = "Enabling" if value["enabled"] else "Disabling"
    return _described(ctx.scope, uuid, value, state)


async def get_event_source_mapping(ctx: Context, *, uuid: str) -> dict[str, Any]:
    record = await _require(ctx, uuid)
    return _described(ctx.scope, uuid, record.value)


async def delete_event_source_mapping(ctx: Context, *, uuid: str) -> dict[str, Any]:
    record = await _require(ctx, uuid)
    await ctx.store.commit(DeleteRecord(ctx.scope, EVENT_SOURCE, uuid, expect=record.revision))
    return _described(ctx.scope, uuid, record.value, "Deleting")


async def list_event_source_mappings(
    ctx: Context,
    *,
    event_source_arn: str | None = None,
    function_name: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    ref = None
    if function_name:
        ref = function_ref(ctx.scope, function_name)
        if await ctx.store.get(ref.scope, FUNCTION, ref.name) is None:
            raise no_function(ref.qualified_arn)
    mappings = [
        (record.key, _described(ctx.scope, record.key, record.value))
        for record in await ctx.store.list(ctx.scope, EVENT_SOURCE)
        if event_source_arn in (None, record.value["source"])
        and (ref is None or record.value["function"] == ref.qualified_arn)
    ]
    page_items, token = paged(mappings, marker, max_items)
    return {"EventSourceMappings": page_items, "NextMarker": token}


async def find_mapping(ctx: Context, resource: str) -> Record:
    """Return the mapping of an ARN. Raises AwsError ResourceNotFoundException."""
    return await _require(ctx, resource.rpartition(":")[2])


async def _require(ctx: Context, uuid: str) -> Record:
    record = await ctx.store.get(ctx.scope, EVENT_SOURCE, uuid)
    if record is None:
        raise no_resource()
    return record


async def _queue(ctx: Context, source: str, operation: str) -> Queue:
    if not source.startswith(EVENT_SOURCES):
        raise not_supported("lambda", operation, f"the event source {source}")
    queue = await ctx.platform.queues.find_arn(source)
    if queue is None or queue.scope.region != ctx.region:
        raise no_such_event_source(
            "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
        )
    return queue


async def _check(ctx: Context, ref: FunctionRef, queue: Queue, config: dict[str, Any]) -> None:
    _, version = await require_version(ctx, ref)
    role = role_session(version["config"]["Role"], ref.arn)
    for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
        need = Need(f"sqs:{action}", queue.arn)
        if not await ctx.permits(role, need):
            raise invalid_parameter_value(
                f"The provided execution role does not have permissions to call {action} on SQS"
            )
    check_mapping(config, queue, version["config"]["Timeout"])


def _described(scope: Scope, uuid: str, value: dict[str, Any], state: str = "") -> dict[str, Any]:
    config = value["config"]
    return {
        "UUID": uuid,
        "EventSourceMappingArn": arn("lambda", scope.region, scope.account, f"event-source-mapping:{uuid}"),
        "EventSourceArn": value["source"],
        "FunctionArn": value["function"],
        "LastModified": value["modified"] / 1000,
        "State": state or ("Enabled" if value["enabled"] else "Disabled"),
        "StateTransitionReason": _BY_USER,
        "FunctionResponseTypes": [],
        **config,
    }
