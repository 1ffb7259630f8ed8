"""Detects the drift of a stack set's instances, and lists what was found in one of them."""

from __future__ import annotations

from typing import Any

from nightbus.services.cloudformation.stack_sets.execution_roles import execution_call
from nightbus.services.cloudformation.stack_sets.instances import find_instance
from nightbus.services.cloudformation.stack_sets.operations import begin, find_operation
from nightbus.services.cloudformation.stack_sets.records import find_set, set_instances
from nightbus.services.context import Context


async def detect_stack_set_drift(
    ctx: Context,
    *,
    stack_set_name: str,
    operation_preferences: dict[str, Any] | None = None,
    operation_id: str | None = None,
) -> dict[str, Any]:
    stack_set, record = await find_set(ctx, stack_set_name)
    instances = await set_instances(ctx.platform, ctx.scope, stack_set.name)
    targets = [(one.account, one.region) for one in instances if one.stack_id]
    return await begin(
        ctx, stack_set, record.revision, "DETECT_DRIFT", targets, operation_preferences, operation_id
    )


async def list_stack_instance_resource_drifts(
    ctx: Context,
    *,
    stack_set_name: str,
    next_token: str | None = None,
    max_results: int | None = None,
    stack_instance_resource_drift_statuses: list[str] | None = None,
    stack_instance_account: str,
    stack_instance_region: str,
    operation_id: str,
) -> dict[str, Any]:
    operation, _ = await find_operation(ctx, stack_set_name, operation_id)
    stack_set, _ = await find_set(ctx, stack_set_name)
    instance = await find_instance(ctx, stack_set, stack_instance_account, stack_instance_region)
    wanted = {
        "StackName": instance.stack_id,
        "StackResourceDriftStatusFilters": stack_instance_resource_drift_statuses,
        "NextToken": next_token,
        "MaxResults": max_results,
    }
    request = {name: value for name, value in wanted.items() if value is not None}
    call = await execution_call(ctx.platform, ctx.scope, operation, instance.account, instance.region)
    operations = ctx.platform.operations
    reply = await operations.call("cloudformation", "DescribeStackResourceDrifts", request, call)
    hidden = ("ExpectedProperties", "ActualProperties", "DriftStatusReason")
    summaries = [
        {name: value for name, value in one.items() if name not in hidden}
        for one in reply["StackResourceDrifts"]
    ]
    return {"Summaries": summaries, "NextToken": reply.get("NextToken")}
