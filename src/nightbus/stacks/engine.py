"""Runs the operations that the stacks' records say are under way, in one background task per stack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.clock import Clock
from nightbus.stacks.interface import ResourceType
from nightbus.stacks.operations.phases import PHASES, run
from nightbus.stacks.operations.stack_operation import StackGone, StackOperation
from nightbus.stacks.records import STACK, Stack
from nightbus.stacks.retention import forget, is_forgotten
from nightbus.store.interface import Store
from nightbus.store.upkeep import is_passing, one_of_many
from nightbus.store.vault import Vault

log = logging.getLogger(__name__)

# Where a phase goes when the engine itself breaks, so that no stack is under way for ever.
_BROKEN = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}


_DAY_SECONDS = 24 * 3600
_PAUSES = (0.1, 1.0, 5.0)  # seconds, while the store takes nothing


class Engine:
    """`types`: the resource types it knows; those of `stacks.resources` unless a test gives others."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        operations: Operations,
        vault: Vault,
        types: Mapping[str, ResourceType] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._vault = vault
        self._types = types
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, scope: Scope, stack_id: str, call: Call) -> None:
        """Carries out, in the background, the operation that the stack's record says is under way.

        Returns at once. One that runs on the same stack ends first. `call` is not used: the stack's record has the
        caller under whose name the resources are made, so that a restart does not change it.
        """
        before = self._tasks.get(stack_id)
        task = asyncio.create_task(self._run(scope, stack_id, before), name=f"stack {stack_id}")
        self._tasks[stack_id] = task
        task.add_done_callback(lambda done: self._forget(stack_id, done))

    async def recover(self) -> None:
        """Take up what was interrupted. A stack whose record cannot be read stops no other."""
        for scope in await self._store.scopes(STACK):
            for record in await self._store.list(scope, STACK):
                with one_of_many("the recovery of stack", record.key):
                    await self._recover(scope, Stack(**record.value))

    async def _recover(self, scope: Scope, stack: Stack) -> None:
        if stack.status in PHASES and stack.id not in self._tasks:
            log.info("the operation on stack %s goes on (%s)", stack.name, stack.status)
            await self.start(scope, stack.id, stack.call(scope))

    async def forget_deleted_stacks(self) -> None:
        """A duty of one node: every day, what is kept of stacks that were deleted 90 days ago goes."""
        while True:
            for scope in await self._store.scopes(STACK):
                for record in await self._store.list(scope, STACK):
                    with one_of_many("forgetting stack", record.key):
                        stack = Stack(**record.value)
                        if is_forgotten(stack, self._clock.now_ms()):
                            await forget(self._store, scope, stack)
            await self._clock.sleep(_DAY_SECONDS)

    async def settled(self, stack_id: str, patience: float | None = None) -> None:
        """Returns when nothing is under way for the stack, or after `patience` seconds; None waits without a limit."""
        alarm = None if patience is None else asyncio.ensure_future(self._clock.sleep(patience))
        try:
            while (task := self._tasks.get(stack_id)) is not None and not (alarm and alarm.done()):
                watched: list[asyncio.Future[None]] = [task] if alarm is None else [task, alarm]
                await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)
        finally:
            if alarm is not None:
                alarm.cancel()

    def in_memory(self) -> dict[str, int]:
        return {"stacks under way": len(self._tasks)}

    async def close(self) -> None:
        """Stop at the next wait; what was under way goes on at the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, stack_id: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(stack_id) is done:
            del self._tasks[stack_id]

    async def _run(self, scope: Scope, stack_id: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        failures = 0
        while not await self._carried_through(scope, stack_id):
            await self._clock.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _carried_through(self, scope: Scope, stack_id: str) -> bool:
        """Go on from where the store says that the operation is; False where the store fails, for a moment.

        Any other failure is the engine's own and ends the operation.
        """
        operation = StackOperation(
            self._store, self._clock, self._operations, self._vault, self._known_types(), scope
        )
        try:
            await operation.open(stack_id)
            try:
                await run(operation)
            except Exception as failure:
                if is_passing(failure):
                    raise
                log.exception("the operation on stack %s broke off", stack_id)
                await self._break_off(operation)
        except StackGone:
            log.info("stack %s is gone", stack_id)
        except Exception as failure:
            if not is_passing(failure):
                raise
            log.warning("the operation on stack %s is interrupted and goes on: %s", stack_id, failure)
            return False
        return True

    async def _break_off(self, operation: StackOperation) -> None:
        status = _BROKEN.get(operation.stack.status)
        if status is not None:
            await operation.turn(status, "Internal Failure")

    def _known_types(self) -> Mapping[str, ResourceType]:
        if self._types is None:
            from nightbus.stacks.resources import RESOURCE_TYPES

            self._types = RESOURCE_TYPES
        return self._types
