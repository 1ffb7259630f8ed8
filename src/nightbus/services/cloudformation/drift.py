"""Detects the drift of stacks and their resources, and describes what was found.

The detection ends within its request: it only reads, from this node, so nothing is under way that a restart could lose.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.operation_start import find_existing_stack, find_stack, stack_records
from nightbus.services.cloudformation.planning import last_deployment
from nightbus.services.cloudformation.shapes import BAD_TOKEN, wire_time
from nightbus.services.context import Context
from nightbus.stacks.drift.detection import detect
from nightbus.stacks.drift.records import (
    DELETED,
    DRIFTED,
    IN_SYNC,
    MODIFIED,
    NOT_CHECKED,
    ResourceDrift,
    put_drift,
    resource_drifts,
)
from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.planning.property_values import DisplayedValues
from nightbus.stacks.records import DRIFT, DRIFT_DETECTION, Stack, StackResource, put_stack
from nightbus.store.interface import Change, DeleteRecord, PutRecord

PAGE = 100
_CHECKED = frozenset(
    {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED", "IMPORT_COMPLETE",
     "IMPORT_ROLLBACK_COMPLETE"}
)  # fmt: skip


async def detect_stack_drift(
    ctx: Context, *, stack_name: str, logical_resource_ids: list[str] | None = None
) -> dict[str, Any]:
    stored = await find_existing_stack(ctx, stack_name)
    stack = stored.value
    _require_rest(stack)
    resources = await stack_records(ctx).resources(stack)
    unknown = sorted(set(logical_resource_ids or ()) - set(resources))
    if unknown:
        raise AwsError("ValidationError", f"Resource {unknown[0]} does not exist for stack {stack.name}")
    chosen = {
        name: one
        for name, one in resources.items()
        if not logical_resource_ids or name in logical_resource_ids
    }
    drifts = await _detected(ctx, stack, chosen)
    known = await resource_drifts(ctx.store, ctx.scope, stack)
    kept = {name: one for name, one in known.items() if name in resources and one.holds_for(resources[name])}
    kept |= drifts
    drifted = sum(one.status in (MODIFIED, DELETED) for one in kept.values())
    status = DRIFTED if drifted else IN_SYNC if kept else NOT_CHECKED
    detection, now = new_uuid(), ctx.now_ms()
    value = {"stack_id": stack.id, "status": status, "drifted": drifted, "time": now}
    changes: list[Change] = [put_drift(ctx.scope, stack, one) for one in drifts.values()]
    changes += [DeleteRecord(ctx.scope, DRIFT, f"{stack.key}/{name}") for name in known.keys() - kept.keys()]
    if stack.drift:
        changes.append(DeleteRecord(ctx.scope, DRIFT_DETECTION, stack.drift["detection"]))
    stack.drift = {"status": status, "time": now, "deployment": stack.deployment, "detection": detection}
    changes += [
        PutRecord(ctx.scope, DRIFT_DETECTION, detection, value),
        put_stack(ctx.scope, stack, stored.revision),
    ]
    await ctx.store.commit(*changes)
    return {"StackDriftDetectionId": detection}


def _require_rest(stack: Stack) -> None:
    if stack.status not in _CHECKED:
        raise AwsError(
            "ValidationError",
            f"Drift detection cannot be performed on stack [{stack.name}] while in status {stack.status}",
        )


async def _detected(
    ctx: Context, stack: Stack, resources: dict[str, StackResource]
) -> dict[str, ResourceDrift]:
    from nightbus.stacks.resources import RESOURCE_TYPES

    deployment = await last_deployment(ctx, stack)
    hide = DisplayedValues(None, deployment).without_secrets if deployment else lambda value: value
    found = {}
    for name, resource in resources.items():
        if resource.current is None or resource.status.startswith("DELETE"):
            continue
        within = ResourceContext(
            ctx.call, ctx.platform.operations, ctx.platform.clock, stack.id, stack.name, name,
            deployment.tags if deployment else {},
        )  # fmt: skip
        kind = RESOURCE_TYPES.get(resource.type)
        drift = await detect(kind, resource, within, hide) if kind else None
        if drift is not None:
            found[name] = drift
    return found


async def describe_stack_drift_detection_status(
    ctx: Context, *, stack_drift_detection_id: str
) -> dict[str, Any]:
    record = await ctx.store.get(ctx.scope, DRIFT_DETECTION, stack_drift_detection_id)
    if record is None:
        text = f"Drift detection operation [{stack_drift_detection_id}] does not exist"
        raise AwsError("ValidationError", text)
    return {
        "StackId": record.value["stack_id"],
        "StackDriftDetectionId": stack_drift_detection_id,
        "StackDriftStatus": record.value["status"],
        "DetectionStatus": "DETECTION_COMPLETE",
        "DriftedStackResourceCount": record.value["drifted"],
        "Timestamp": wire_time(record.value["time"]),
    }


async def detect_stack_resource_drift(
    ctx: Context, *, stack_name: str, logical_resource_id: str
) -> dict[str, Any]:
    stack = (await find_existing_stack(ctx, stack_name)).value
    _require_rest(stack)
    resource = (await stack_records(ctx).resources(stack)).get(logical_resource_id)
    if resource is None:
        text = f"Resource {logical_resource_id} does not exist for stack {stack.name}"
        raise AwsError("ValidationError", text)
    found = (await _detected(ctx, stack, {logical_resource_id: resource})).get(logical_resource_id)
    if found is None:
        text = f"Drift detection is not supported for resource {logical_resource_id} of type {resource.type}"
        raise AwsError("ValidationError", text)
    await ctx.store.commit(put_drift(ctx.scope, stack, found))
    return {"StackResourceDrift": _shape(stack, found)}


async def describe_stack_resource_drifts(
    ctx: Context,
    *,
    stack_name: str,
    stack_resource_drift_status_filters: list[str] | None = None,
    next_token: str | None = None,
    max_results: int | None = None,
) -> dict[str, Any]:
    stack = (await find_stack(ctx, stack_name)).value
    resources = await stack_records(ctx).resources(stack)
    drifts = await resource_drifts(ctx.store, ctx.scope, stack)
    chosen = [
        one
        for name, one in sorted(drifts.items())
        if name in resources
        and one.holds_for(resources[name])
        and (not stack_resource_drift_status_filters or one.status in stack_resource_drift_status_filters)
    ]
    page_items, token = page(chosen, lambda one: one.logical_id, max_results or PAGE, next_token, BAD_TOKEN)
    return {"StackResourceDrifts": [_shape(stack, one) for one in page_items], "NextToken": token}


def _shape(stack: Stack, drift: ResourceDrift) -> dict[str, Any]:
    checked = drift.status in (IN_SYNC, MODIFIED)
    return {
        "StackId": stack.id,
        "LogicalResourceId": drift.logical_id,
        "PhysicalResourceId": drift.physical_id,
        "ResourceType": drift.type,
        "ExpectedProperties": drift.expected or None,
        "ActualProperties": drift.actual or None,
        "PropertyDifferences": drift.differences if checked else None,
        "StackResourceDriftStatus": drift.status,
        "DriftStatusReason": drift.reason or None,
        "Timestamp": wire_time(drift.time),
    }
