"""How does an operation on a stack begin? By compare-and-swap on its record: of two at once, one begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.context import Context
from nightbus.stacks.events import stack_event
from nightbus.stacks.operation_queue import operation_item
from nightbus.stacks.reasons import USER_INITIATED
from nightbus.stacks.records import Kept, Stack, StackRecords, is_stack_id, put_stack
from nightbus.store.interface import Change

UPDATABLE = frozenset(
    {
        "CREATE_COMPLETE",
        "CREATE_FAILED",
        "UPDATE_COMPLETE",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_COMPLETE",
    }
)
PATIENCE = 1.0  # seconds
_CLOUDFORMATION = "cloudformation.amazonaws.com"


def records(ctx: Context) -> StackRecords:
    return StackRecords(ctx.store, ctx.scope, ctx.platform.vault)


def missing(name: str) -> AwsError:
    return AwsError("ValidationError", f"Stack with id {name} does not exist")


async def find(ctx: Context, name: str) -> Kept[Stack]:
    """The stack of that name, or of that id even when it is deleted."""
    kept = await records(ctx).stack(name)
    if kept is None:
        raise missing(name)
    return kept


async def find_standing(ctx: Context, name: str) -> Kept[Stack]:
    """The same, but not deleted, in the words of operations that change something."""
    kept = await records(ctx).stack(name)
    if kept is None or kept.value.status == "DELETE_COMPLETE":
        raise AwsError("ValidationError", f"Stack [{name}] does not exist")
    return kept


def refuse_busy(stack: Stack) -> None:
    """Raises AwsError unless an update may begin now."""
    if stack.status not in UPDATABLE:
        raise AwsError(
            "ValidationError", f"Stack:{stack.id} is in {stack.status} state and can not be updated."
        )


async def begin(
    ctx: Context,
    stack: Stack,
    status: str,
    check: Callable[[Stack], None],
    *also: Change,
    token: str | None = None,
    **fields: Any,
) -> None:
    """Bring the stack under way, and queue its operation. `check` raises AwsError when its state does not allow that.

    Raises Conflict when the stack, or what is changed with it, was changed meanwhile.
    """
    kept = await records(ctx).stack(stack.id)
    if kept is None:
        raise missing(stack.name)
    current, now = kept.value, ctx.now_ms()
    check(current)
    current.status, current.status_reason = status, USER_INITIATED
    current.token, current.cancelled, current.retain, current.skip = token or "", False, [], []
    current.remember_call(ctx.call)
    for name, value in fields.items():
        setattr(current, name, value)
    event = stack_event(ctx.scope, current, now, status, USER_INITIATED)
    item = operation_item(ctx.scope, current.id, now)
    await ctx.store.commit(put_stack(ctx.scope, current, kept.revision), *also, event, item)


async def linger(ctx: Context, stack_id: str) -> None:
    """What is done within a moment is done before the client asks how far it is: `aws cloudformation deploy`
    pauses for 30 seconds and `sam delete` for 5 between two such questions.
    """
    await ctx.platform.stacks.settled(ctx.scope, stack_id, PATIENCE)


async def parents(ctx: Context) -> tuple[str, str]:
    """The ids of the parent and of the root, where another stack makes this one; empty otherwise."""
    caller = ctx.caller
    if caller.service != _CLOUDFORMATION or not is_stack_id(caller.source_arn):
        return "", ""
    parent = await records(ctx).stack(caller.source_arn)
    root = parent.value.root_id if parent else ""
    return caller.source_arn, root or caller.source_arn


def refuse_notifications(operation: str, arns: list[str] | None) -> None:
    if arns:
        raise not_supported("cloudformation", operation, "NotificationARNs")
