"""Lists and describes the resources of a stack, and its events."""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.aws.pagination import decode_token, encode_token, page
from nightbus.services.cloudformation.operation_start import find_stack, no_such_stack, stack_records
from nightbus.services.cloudformation.planning import described
from nightbus.services.cloudformation.shapes import BAD_TOKEN, event_shape, resource_shape, without
from nightbus.services.context import Context
from nightbus.stacks.drift.records import resource_drifts
from nightbus.stacks.events import read_stack_events
from nightbus.stacks.records import Stack, StackResource
from nightbus.stacks.templates.template import Template

PAGE = 100
_MOST = 100


async def describe_stack_events(
    ctx: Context, *, stack_name: str, next_token: str | None = None
) -> dict[str, Any]:
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise AwsError("ValidationError", f"Stack [{stack_name}] does not exist")
    before = whole_number(decode_token(next_token, BAD_TOKEN)) if next_token else 0
    if before is None:
        raise BAD_TOKEN
    events = await read_stack_events(ctx.store, ctx.scope, stored.value, before, PAGE + 1)
    page_events = events[:PAGE]
    token = encode_token(str(page_events[-1][0])) if len(events) > PAGE else None
    return {"StackEvents": [event_shape(event) for _, event in page_events], "NextToken": token}


async def describe_stack_resources(
    ctx: Context,
    *,
    stack_name: str | None = None,
    logical_resource_id: str | None = None,
    physical_resource_id: str | None = None,
) -> dict[str, Any]:
    if (stack_name is None) == (physical_resource_id is None):
        raise AwsError(
            "ValidationError", "You must specify either StackName or PhysicalResourceId, but not both."
        )
    stack = (
        (await find_stack(ctx, stack_name)).value
        if stack_name is not None
        else await stack_with(ctx, physical_resource_id or "")
    )
    resources = await _sorted_resources(ctx, stack)
    chosen = [one for one in resources if logical_resource_id in (None, one.logical_id)]
    drifts = await resource_drifts(ctx.store, ctx.scope, stack)
    shapes = [resource_shape(stack, one, "Timestamp", drifts.get(one.logical_id)) for one in chosen[:_MOST]]
    return {"StackResources": shapes}


async def stack_with(ctx: Context, physical_id: str) -> Stack:
    for stack in await stack_records(ctx).stacks():
        if stack.status == "DELETE_COMPLETE":
            continue
        resources = await stack_records(ctx).resources(stack)
        if any(resource.physical_id == physical_id for resource in resources.values()):
            return stack
    raise AwsError("ValidationError", f"Stack for {physical_id} does not exist")


async def _sorted_resources(ctx: Context, stack: Stack) -> list[StackResource]:
    """Return the stack's resources, sorted by logical id. Those that no operation has begun have no record."""
    by_logical_id = await stack_records(ctx).resources(stack)
    return [by_logical_id[name] for name in sorted(by_logical_id)]


async def describe_stack_resource(
    ctx: Context, *, stack_name: str, logical_resource_id: str
) -> dict[str, Any]:
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise AwsError("ValidationError", f"Stack '{stack_name}' does not exist")
    resource = (await stack_records(ctx).resources(stored.value)).get(logical_resource_id)
    if resource is None:
        raise AwsError(
            "ValidationError", f"Resource {logical_resource_id} does not exist for stack {stored.value.name}"
        )
    drift = (await resource_drifts(ctx.store, ctx.scope, stored.value)).get(logical_resource_id)
    detail = resource_shape(stored.value, resource, "LastUpdatedTimestamp", drift)
    _, deployment = await described(ctx, stored.value)
    declared = Template(deployment.processed).resources.get(logical_resource_id, {}) if deployment else {}
    detail["Metadata"] = json.dumps(declared["Metadata"]) if "Metadata" in declared else None
    return {"StackResourceDetail": detail}


async def list_stack_resources(
    ctx: Context, *, stack_name: str, next_token: str | None = None
) -> dict[str, Any]:
    stored = await stack_records(ctx).stack(stack_name)
    if stored is None:
        raise no_such_stack(stack_name)
    resources = await _sorted_resources(ctx, stored.value)
    page_items, token = page(resources, lambda one: one.logical_id, PAGE, next_token, BAD_TOKEN)
    drifts = await resource_drifts(ctx.store, ctx.scope, stored.value)
    shapes = [
        without(
            resource_shape(stored.value, one, "LastUpdatedTimestamp", drifts.get(one.logical_id)),
            ("StackName", "StackId"),
        )
        for one in page_items
    ]
    return {"StackResourceSummaries": shapes, "NextToken": token}
