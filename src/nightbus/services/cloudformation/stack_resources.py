"""Of which resources does a stack consist, and what happened to it?"""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.aws.pagination import decode_token, encode_token, page
from nightbus.services.cloudformation.beginning import find, missing, records
from nightbus.services.cloudformation.planning import shown_deployment
from nightbus.services.cloudformation.shapes import BAD_TOKEN, event_shape, resource_shape, without
from nightbus.services.context import Context
from nightbus.stacks.events import read_events
from nightbus.stacks.records import Stack, StackResource
from nightbus.stacks.templates.template import Template

PAGE = 100
_MOST = 100


async def describe_stack_events(
    ctx: Context, *, stack_name: str, next_token: str | None = None
) -> dict[str, Any]:
    kept = await records(ctx).stack(stack_name)
    if kept is None:
        raise AwsError("ValidationError", f"Stack [{stack_name}] does not exist")
    before = whole_number(decode_token(next_token, BAD_TOKEN)) if next_token else 0
    if before is None:
        raise BAD_TOKEN
    found = await read_events(ctx.store, ctx.scope, kept.value, before, PAGE + 1)
    shown = found[:PAGE]
    token = encode_token(str(shown[-1][0])) if len(found) > PAGE else None
    return {"StackEvents": [event_shape(event) for _, event in shown], "NextToken": token}


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
        (await find(ctx, stack_name)).value
        if stack_name is not None
        else await _stack_with(ctx, physical_resource_id or "")
    )
    found = await _all(ctx, stack)
    chosen = [one for one in found if logical_resource_id in (None, one.logical_id)]
    return {"StackResources": [resource_shape(stack, one, "Timestamp") for one in chosen[:_MOST]]}


async def _stack_with(ctx: Context, physical_id: str) -> Stack:
    for stack in await records(ctx).stacks():
        if stack.status == "DELETE_COMPLETE":
            continue
        resources = await records(ctx).resources(stack)
        if any(resource.physical_id == physical_id for resource in resources.values()):
            return stack
    raise AwsError("ValidationError", f"Stack for {physical_id} does not exist")


async def _all(ctx: Context, stack: Stack) -> list[StackResource]:
    """Sorted by logical id; those that were never begun have no record."""
    found = await records(ctx).resources(stack)
    return [found[name] for name in sorted(found)]


async def describe_stack_resource(
    ctx: Context, *, stack_name: str, logical_resource_id: str
) -> dict[str, Any]:
    kept = await records(ctx).stack(stack_name)
    if kept is None:
        raise AwsError("ValidationError", f"Stack '{stack_name}' does not exist")
    resource = (await records(ctx).resources(kept.value)).get(logical_resource_id)
    if resource is None:
        raise AwsError(
            "ValidationError", f"Resource {logical_resource_id} does not exist for stack {kept.value.name}"
        )
    detail = resource_shape(kept.value, resource, "LastUpdatedTimestamp")
    deployment = await shown_deployment(ctx, kept.value)
    declared = Template(deployment.processed).resources.get(logical_resource_id, {}) if deployment else {}
    detail["Metadata"] = json.dumps(declared["Metadata"]) if "Metadata" in declared else None
    return {"StackResourceDetail": detail}


async def list_stack_resources(
    ctx: Context, *, stack_name: str, next_token: str | None = None
) -> dict[str, Any]:
    kept = await records(ctx).stack(stack_name)
    if kept is None:
        raise missing(stack_name)
    found = await _all(ctx, kept.value)
    chosen, token = page(found, lambda one: one.logical_id, PAGE, next_token, BAD_TOKEN)
    shapes = [
        without(resource_shape(kept.value, one, "LastUpdatedTimestamp"), ("StackName", "StackId"))
        for one in chosen
    ]
    return {"StackResourceSummaries": shapes, "NextToken": token}
