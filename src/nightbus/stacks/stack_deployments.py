"""Reads a stack's deployment, also while an operation ends, which deletes the one that is not used any more."""

from __future__ import annotations

from collections.abc import Callable

from nightbus.stacks.records import Deployment, Stack, StackRecords


async def described(records: StackRecords, stack: Stack) -> tuple[Stack, Deployment | None]:
    """Return the stack with the deployment that it is described by: the stack as it is now, if that has changed."""
    return await _with_deployment(records, stack, lambda stack: stack.described_deployment)


async def last_good(records: StackRecords, stack: Stack) -> Deployment | None:
    """Return the stack's last good deployment, or that of its first creation if there is none yet."""
    _, deployment = await _with_deployment(records, stack, lambda stack: stack.deployment or stack.target)
    return deployment


async def _with_deployment(
    records: StackRecords, stack: Stack, id_of: Callable[[Stack], str]
) -> tuple[Stack, Deployment | None]:
    """Raises LookupError where the deployment is missing, and the stack has not changed."""
    while id := id_of(stack):
        try:
            return stack, await records.deployment(stack, id)
        except LookupError:
            now = await records.stack(stack.id)
            if now is None or id_of(now.value) == id:
                raise
            stack = now.value
    return stack, None
