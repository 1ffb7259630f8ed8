"""Starts, stops, describes and lists the operations of stack sets. `working` carries them out.

| status   | becomes                    | when                                                |
|----------|----------------------------|-----------------------------------------------------|
| QUEUED   | RUNNING                    | the worker takes it; of a set one runs at a time    |
| RUNNING  | SUCCEEDED, FAILED          | all is done, or more instances failed than allowed  |
| RUNNING  | STOPPING                   | StopStackSetOperation                               |
| STOPPING | STOPPED                    | the stacks that had begun have ended                |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.shapes import BAD_TOKEN, wire_time
from nightbus.services.cloudformation.stack_sets.records import (
    OPERATION,
    RUNNING,
    SetOperation,
    StackSet,
    find_set,
    operation_item,
    put_operation,
    put_set,
    set_operations,
)
from nightbus.services.cloudformation.stack_sets.targets import checked_preferences, invalid, ordered
from nightbus.services.context import Context
from nightbus.store.interface import Change, Record

_PAGE = 100
_ID = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]{0,127}")


async def begin(
    ctx: Context,
    stack_set: StackSet,
    revision: int,
    action: str,
    targets: Sequence[tuple[str, str]],
    preferences: dict[str, Any] | None,
    operation_id: str | None,
    *also: Change,
    retain: bool = False,
) -> dict[str, Any]:
    """Store the operation, queue it, and return its id. `also` has further changes for the same commit.

    The set is stored too, expected at its `revision`, so that of two operations at the same time one begins.
    """
    chosen = checked_preferences(preferences)
    if operation_id is not None and not _ID.fullmatch(operation_id):
        raise invalid(f"Invalid OperationId {operation_id}")
    earlier = await set_operations(ctx, stack_set.name)
    if operation_id in [one.id for one in earlier]:
        text = f"Operation with id {operation_id} already exists"
        raise AwsError("OperationIdAlreadyExistsException", text, 409)
    running = next((one for one in earlier if one.status in RUNNING), None)
    if running is not None and not stack_set.managed:
        text = f"Another Operation on StackSet {stack_set.id} is in progress: {running.id}"
        raise AwsError("OperationInProgressException", text, 409)
    results = [
        {"Account": account, "Region": region, "Status": "PENDING", "StatusReason": ""}
        for account, region in ordered(targets, chosen)
    ]
    operation = SetOperation(
        operation_id or new_uuid(), stack_set.name, stack_set.id, action, ctx.now_ms(), retain=retain,
        preferences=chosen, results=results, administration_role=stack_set.administration_role,
        execution_role=stack_set.execution_role, endpoint=ctx.call.endpoint,
    )  # fmt: skip
    await ctx.store.commit(
        put_operation(ctx.scope, operation, 0),
        operation_item(ctx.scope, operation, ctx.now_ms()),
        put_set(ctx.scope, stack_set, revision),
        *also,
    )
    return {"OperationId": operation.id}


async def find_operation(ctx: Context, name: str, id: str) -> tuple[SetOperation, Record]:
    stack_set, _ = await find_set(ctx, name)
    record = await ctx.store.get(ctx.scope, OPERATION, f"{stack_set.name}/{id}")
    if record is None:
        raise AwsError("OperationNotFoundException", f"Operation {id} not found", 404)
    return SetOperation(**record.value), record


async def describe_stack_set_operation(
    ctx: Context, *, stack_set_name: str, operation_id: str
) -> dict[str, Any]:
    operation, _ = await find_operation(ctx, stack_set_name, operation_id)
    stack_set, _ = await find_set(ctx, stack_set_name)
    shape = {
        **_summary(operation),
        "StackSetId": operation.set_id,
        "RetainStacks": operation.retain if operation.action == "DELETE" else None,
        "AdministrationRoleARN": operation.administration_role or None,
        "ExecutionRoleName": operation.execution_role or None,
    }
    if operation.action == "DETECT_DRIFT" and stack_set.drift.get("operation") == operation.id:
        time = wire_time(stack_set.drift["time"])
        shape["StackSetDriftDetectionDetails"] = {
            **stack_set.drift["details"],
            "LastDriftCheckTimestamp": time,
        }
    return {"StackSetOperation": shape}


def _summary(operation: SetOperation) -> dict[str, Any]:
    failed = sum(one["Status"] == "FAILED" for one in operation.results)
    return {
        "OperationId": operation.id,
        "Action": operation.action,
        "Status": operation.status,
        "CreationTimestamp": wire_time(operation.created),
        "EndTimestamp": wire_time(operation.ended),
        "StatusReason": operation.reason or None,
        "StatusDetails": {"FailedStackInstancesCount": failed},
        "OperationPreferences": operation.preferences,
    }


async def list_stack_set_operations(
    ctx: Context, *, stack_set_name: str, next_token: str | None = None, max_results: int | None = None
) -> dict[str, Any]:
    stack_set, _ = await find_set(ctx, stack_set_name)
    operations = await set_operations(ctx, stack_set.name)
    chosen, token = page(
        operations,
        lambda one: f"{10**15 - one.created:016d}/{one.id}",
        max_results or _PAGE,
        next_token,
        BAD_TOKEN,
    )
    return {"Summaries": [_summary(one) for one in chosen], "NextToken": token}


async def list_stack_set_operation_results(
    ctx: Context,
    *,
    stack_set_name: str,
    operation_id: str,
    next_token: str | None = None,
    max_results: int | None = None,
    filters: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    operation, _ = await find_operation(ctx, stack_set_name, operation_id)
    wanted = [str(one.get("Values", "")).split(",") for one in filters or ()]
    numbered = [
        (f"{number:06d}", one)
        for number, one in enumerate(operation.results)
        if all(one["Status"] in values for values in wanted)
    ]
    chosen, token = page(numbered, lambda one: one[0], max_results or _PAGE, next_token, BAD_TOKEN)
    summaries = [{**one, "StatusReason": one["StatusReason"] or None} for _, one in chosen]
    return {"Summaries": summaries, "NextToken": token}


async def stop_stack_set_operation(ctx: Context, *, stack_set_name: str, operation_id: str) -> None:
    operation, record = await find_operation(ctx, stack_set_name, operation_id)
    if operation.status not in ("QUEUED", "RUNNING"):
        text = f"Operation {operation_id} is in status {operation.status} and cannot be stopped"
        raise AwsError("InvalidOperationException", text, 400)
    operation.status = "STOPPING"
    await ctx.store.commit(put_operation(ctx.scope, operation, record.revision))
