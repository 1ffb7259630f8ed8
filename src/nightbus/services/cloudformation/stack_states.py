"""How is a stack held, stopped, or brought out of a state in which an operation left it?"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.beginning import begin, find_standing, records
from nightbus.services.cloudformation.deployment_config import mode_of
from nightbus.services.context import Context
from nightbus.stacks.records import Stack, put_stack


async def update_termination_protection(
    ctx: Context, *, enable_termination_protection: bool, stack_name: str
) -> dict[str, Any]:
    kept = await find_standing(ctx, stack_name)
    if kept.value.parent_id:
        raise AwsError(
            "ValidationError",
            "Invalid operation: TerminationProtection cannot be set on a nested stack; set it on the root.",
        )
    kept.value.protected = enable_termination_protection
    await ctx.store.commit(put_stack(ctx.scope, kept.value, kept.revision))
    return {"StackId": kept.value.id}


async def cancel_update_stack(
    ctx: Context, *, stack_name: str, client_request_token: str | None = None
) -> None:
    kept = await find_standing(ctx, stack_name)
    if kept.value.status != "UPDATE_IN_PROGRESS":
        raise AwsError("ValidationError", "CancelUpdateStack cannot be called from current stack status")
    kept.value.cancelled = True
    await ctx.store.commit(put_stack(ctx.scope, kept.value, kept.revision))


async def continue_update_rollback(
    ctx: Context,
    *,
    stack_name: str,
    role_arn: str | None = None,
    resources_to_skip: list[str] | None = None,
    client_request_token: str | None = None,
) -> dict[str, Any]:
    stack = (await find_standing(ctx, stack_name)).value
    known = await records(ctx).resources(stack)
    unknown = [name for name in resources_to_skip or [] if name not in known]
    if unknown:
        raise AwsError("ValidationError", f"Resource [{unknown[0]}] does not exist in stack [{stack.name}]")

    def check(current: Stack) -> None:
        if current.status != "UPDATE_ROLLBACK_FAILED":
            raise AwsError(
                "ValidationError",
                f"Stack:{current.id} is in {current.status} state and can not continue rollback.",
            )

    await begin(
        ctx,
        stack,
        "UPDATE_ROLLBACK_IN_PROGRESS",
        check,
        token=client_request_token,
        skip=resources_to_skip or [],
    )
    return {}


async def rollback_stack(
    ctx: Context,
    *,
    stack_name: str,
    role_arn: str | None = None,
    client_request_token: str | None = None,
    deployment_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    stack = (await find_standing(ctx, stack_name)).value

    def check(current: Stack) -> None:
        if current.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise AwsError(
                "ValidationError",
                f"Stack:{current.id} is in {current.status} state and can not be rolled back.",
            )

    status = "UPDATE_ROLLBACK_IN_PROGRESS" if stack.deployment else "ROLLBACK_IN_PROGRESS"
    mode = mode_of(deployment_config)
    await begin(ctx, stack, status, check, token=client_request_token, mode=mode)
    return {"StackId": stack.id}
