"""Answers SignalResource: signals the creation policy of a resource."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import find_existing_stack, stack_records
from nightbus.services.context import Context
from nightbus.stacks.callbacks.signals import Signal, add_signal, received_signals, resource_signals
from nightbus.store.conflicts import retries_on_conflict


@retries_on_conflict
async def signal_resource(
    ctx: Context, *, stack_name: str, logical_resource_id: str, unique_id: str, status: str
) -> None:
    stack = (await find_existing_stack(ctx, stack_name)).value
    resource = (await stack_records(ctx).resources(stack)).get(logical_resource_id)
    if resource is None:
        raise AwsError(
            "ValidationError", f"Resource {logical_resource_id} does not exist for stack {stack.name}"
        )
    if resource.status not in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
        raise AwsError(
            "ValidationError",
            f"Resource {logical_resource_id} is in {resource.status} state and can not be signaled",
        )
    signalled = resource_signals(stack.id, logical_resource_id)
    signals = await received_signals(ctx.store, signalled)
    known = next((one for one in signals if one.unique_id == unique_id), None)
    if known is not None and (status != "FAILURE" or known.status == "FAILURE"):
        raise AwsError(
            "ValidationError",
            f"Signal with ID {unique_id} for resource {logical_resource_id} already exists. Signals may only be "
            "updated with a FAILURE status.",
        )
    signal = Signal(unique_id, status, received=ctx.now_ms())
    await add_signal(ctx.store, signalled, signal, replace=known is not None)
