"""Starts operations on stacks. The commit expects the stack's revision, so of two concurrent requests one starts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.service_roles import service_role
from nightbus.stacks.events import stack_event
from nightbus.stacks.notifications import notify
from nightbus.stacks.operation_queue import operation_item
from nightbus.stacks.reasons import USER_INITIATED
from nightbus.stacks.records import SERVICE, Stack, StackRecords, Stored, is_stack_id, put_stack
from nightbus.store.interface import Change

UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "CREATE_FAILED",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_COMPLETE",
    }
)
_TOPIC = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
PATIENCE = 1.0  # seconds


def stack_records(ctx: Context) -> StackRecords:
    return StackRecords(ctx.store, ctx.scope, ctx.platform.vault)


def no_such_stack(name: str) -> AwsError:
    return AwsError("ValidationError", f"Stack with id {name} does not exist")


async def find_stack(ctx: Context, name: str) -> Stored[Stack]:
    """Return the stack of the name, or of the id, even if that one is deleted. Raises AwsError ValidationError."""
    stored = await stack_records(ctx).stack(name)
    if stored is None:
        raise no_such_stack(name)
    return stored


async def find_existing_stack(ctx: Context, name: str) -> Stored[Stack]:
    """Return a stack that is not deleted. Raises AwsError with the text of those operations that change a stack."""
    stored = await stack_records(ctx).stack(name)
    if stored is None or stored.value.status == "DELETE_COMPLETE":
        raise AwsError("ValidationError", f"Stack [{name}] does not exist")
    return stored


def require_updatable(stack: Stack) -> None:
    """Raise AwsError unless the stack's state allows an update."""
    if stack.status not in UPDATABLE:
        raise AwsError(
            "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated."
        )


async def start_operation(
    ctx: Context,
    stack: Stack,
    status: str,
    check: Callable[[Stack], None],
    *also: Change,
    token: str | None = None,
    role: str | None = None,
    **fields: Any,
) -> None:
    """Set the stack's status, and queue its operation for the engine.

    `role` is the ARN of the service role that the request names; without one the stack keeps its role. `check` gets
    the stored stack and raises AwsError if its state does not allow the operation. `also` has changes for the same
    commit, `fields` further members of the stack to set. Raises Conflict if the stack, or a record of `also`,
    was changed in between.
    """
    stored = await stack_records(ctx).stack(stack.id)
    if stored is None:
        raise no_such_stack(stack.name)
    current, now = stored.value, ctx.now_ms()
    check(current)
    current.status, current.status_reason = status, USER_INITIATED
    current.token, current.cancelled, current.retain, current.skip = token or "", False, [], []
    current.continues = False
    current.to_import, current.planned_names = {}, {}
    current.policy_during_update, current.retain_except_on_create, current.force = "", False, False
    current.remember_call(ctx.call)
    current.role_arn = await service_role(ctx, role, current.role_arn, current.id)
    for name, value in fields.items():
        setattr(current, name, value)
    event = stack_event(ctx.scope, current, now, status, USER_INITIATED)
    item = operation_item(ctx.scope, current.id, now)
    await ctx.store.commit(put_stack(ctx.scope, current, stored.revision), *also, event, item)
    await notify(ctx.platform.operations, ctx.scope, current, [event])


async def wait_briefly(ctx: Context, stack_id: str) -> None:
    """Wait up to PATIENCE seconds for the operation's end, so that a client sees it with its first Describe call.

    `aws cloudformation deploy` waits for 30 seconds and `sam delete` for 5 between two such calls.
    """
    await ctx.platform.stacks.settled(ctx.scope, stack_id, PATIENCE)


async def parent_ids(ctx: Context) -> tuple[str, str]:
    """Return the ids of the parent stack and of the root stack; empty strings if no stack makes this one."""
    caller = ctx.caller
    if caller.service != SERVICE or not is_stack_id(caller.source_arn):
        return "", ""
    parent = await stack_records(ctx).stack(caller.source_arn)
    root = parent.value.root_id if parent else ""
    return caller.source_arn, root or caller.source_arn


def check_notifications(arns: list[str] | None) -> list[str] | None:
    """Return the ARNs of topics. Raises AwsError for what is not one."""
    for arn in arns or ():
        if not _TOPIC.fullmatch(arn):
            raise AwsError("ValidationError", f"Invalid notification ARN: {arn}")
    return arns
