"""Protects stacks from deletion, cancels updates, and continues or rolls back operations that have failed."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.deployment_config import mode_of
from nightbus.services.cloudformation.operation_start import (
    find_existing_stack,
    stack_records,
    start_operation,
)
from nightbus.services.context import Context
from nightbus.stacks.records import Stack, put_stack


async def update_termination_protection(
    ctx: Context, *, enable_termination_protection: bool, stack_name: str
) -> dict[str, Any]:
    stored = await find_existing_stack(ctx, stack_name)
    if stored.value.parent_id:
        raise AwsError(
            "ValidationError",
            "Invalid operation: TerminationProtection cannot be set on a nested stack; set it on the root.",
        )
    stored.value.protected = enable_termination_protection
    await ctx.store.commit(put_stack(ctx.scope, stored.value, stored.revision))
    return {"StackId": stored.value.id}


async def cancel_update_stack(
    ctx: Context, *, stack_name: str, client_request_token: str | None = None
) -> None:
    stored = await find_existing_stack(ctx, stack_name)
    if stored.value.status != "UPDATE_IN_PROGRESS":
        raise AwsError("ValidationError", "CancelUpdateStack cannot be called from current stack status")
    stored.value.cancelled = True
    await ctx.store.commit(put_stack(ctx.scope, stored.value, stored.revision))


async def continue_update_rollback(
    ctx: Context,
    *,
    stack_name: str,
    role_arn: str | None = None,
    resources_to_skip: list[str] | None = None,
    client_request_token: str | None = None,
) -> dict[str, Any]:
    stack = (await find_existing_stack(ctx, stack_name)).value
    resources = await stack_records(ctx).resources(stack)
    unknown = [name for name in resources_to_skip or [] if name.partition(".")[0] not in resources]
    if unknown:
        raise AwsError("ValidationError", f"Resource [{unknown[0]}] does not exist in stack [{stack.name}]")

    def check(current: Stack) -> None:
        if current.status != "UPDATE_ROLLBACK_FAILED":
            raise AwsError(
                "ValidationError",
                f"Stack:{current.id} is in {current.status} state and can not continue rollback.",
            )

    await start_operation(
        ctx,
        stack,
        "UPDATE_ROLLBACK_IN_PROGRESS",
        check,
        token=client_request_token,
        role=role_arn,
        skip=resources_to_skip or [],
        continues=True,
    )
    return {}


async def rollback_stack(
    ctx: Context,
    *,
    stack_name: str,
    role_arn: str | None = None,
    client_request_token: str | None = None,
    deployment_config: dict[str, Any] | None = None,
    retain_except_on_create: bool | None = None,
) -> dict[str, Any]:
    stack = (await find_existing_stack(ctx, stack_name)).value

    def check(current: Stack) -> None:
        if current.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise AwsError(
                "ValidationError",
                f"Stack:{current.id} is in {current.status} state and can not be rolled back.",
            )

    status = "UPDATE_ROLLBACK_IN_PROGRESS" if stack.deployment else "ROLLBACK_IN_PROGRESS"
    mode = mode_of(deployment_config)
    retain = bool(retain_except_on_create)
    await start_operation(
        ctx, stack, status, check, token=client_request_token, role=role_arn, mode=mode,
        retain_except_on_create=retain,
    )  # fmt: skip
    return {"StackId": stack.id}
