"""Runs the operations that the stacks' records say are under way, with one background task per stack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.clock import Clock
from nightbus.stacks.interface import ResourceType
from nightbus.stacks.operations.phases import PHASES, run_phases
from nightbus.stacks.operations.stack_operation import StackGone, StackOperation
from nightbus.stacks.records import STACK, Stack
from nightbus.stacks.retention import delete_stack_records, is_forgotten
from nightbus.store.interface import Store
from nightbus.store.upkeep import is_passing, one_of_many
from nightbus.store.vault import Vault

log = logging.getLogger(__name__)

# The state after an error of the engine itself, so that no stack is under way for ever.
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
_PAUSES = (0.1, 1.0, 5.0)  # seconds between attempts, while the store refuses commits


class Engine:
    """Implements `StackEngine`. `types` are the resource types: those of `stacks.resources`, or a test's own."""

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
        """Carry out, in the background, the operation that the stack's record says is under way.

        Returns at once. An operation that still runs on the same stack ends first. `call` is not used: the stack's
        record has the caller that makes the resources, so a restart does not change the caller.
        """
        before = self._tasks.get(stack_id)
        task = asyncio.create_task(self._run(scope, stack_id, before), name=f"stack {stack_id}")
        self._tasks[stack_id] = task
        task.add_done_callback(lambda done: self._forget(stack_id, done))

    async def recover(self) -> None:
        """Continue interrupted operations, at the node's start. A stack whose record cannot be read stops no other."""
        for scope in await self._store.scopes(STACK):
            for record in await self._store.list(scope, STACK):
                with one_of_many("the recovery of stack", record.key):
                    await self._recover(scope, Stack(**record.value))

    async def _recover(self, scope: Scope, stack: Stack) -> None:
        if stack.status in PHASES and stack.id not in self._tasks:
            log.info("the operation on stack %s continues (%s)", stack.name, stack.status)
            await self.start(scope, stack.id, stack.call(scope))

    async def forget_deleted_stacks(self) -> None:
        """Delete the records of stacks that were deleted 90 days ago, once a day, as a duty."""
        while True:
            for scope in await self._store.scopes(STACK):
                for record in await self._store.list(scope, STACK):
                    with one_of_many("forgetting stack", record.key):
                        stack = Stack(**record.value)
                        if is_forgotten(stack, self._clock.now_ms()):
                            await delete_stack_records(self._store, scope, stack)
            await self._clock.sleep(_DAY_SECONDS)

    async def settled(self, stack_id: str, patience: float | None = None) -> None:
        """Return when no operation runs on the stack, or after `patience` seconds; None waits without a limit."""
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
        """Stop all operations at their next wait. They continue at the node's next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, stack_id: str, finished: asyncio.Task[None]) -> None:
        if self._tasks.get(stack_id) is finished:
            del self._tasks[stack_id]

    async def _run(self, scope: Scope, stack_id: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        failures = 0
        while not await self._carried_through(scope, stack_id):
            await self._clock.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _carried_through(self, scope: Scope, stack_id: str) -> bool:
        """Run the phases from the recorded state. Returns False if the store failed for the moment.

        Any other exception is an error of the engine and ends the operation.
        """
        operation = StackOperation(
            self._store, self._clock, self._operations, self._vault, self._resource_types(), scope
        )
        try:
            await operation.open(stack_id)
            try:
                await run_phases(operation)
            except Exception as failure:
                if is_passing(failure):
                    raise
                log.exception("the operation on stack %s failed in the engine", stack_id)
                await self._break_off(operation)
        except StackGone:
            log.info("stack %s no longer exists", stack_id)
        except Exception as failure:
            if not is_passing(failure):
                raise
            log.warning("the operation on stack %s is interrupted and continues: %s", stack_id, failure)
            return False
        return True

    async def _break_off(self, operation: StackOperation) -> None:
        status = _BROKEN.get(operation.stack.status)
        if status is not None:
            await operation.change_state(status, "Internal Failure")

    def _resource_types(self) -> Mapping[str, ResourceType]:
        if self._types is None:
            from nightbus.stacks.resources import RESOURCE_TYPES

            self._types = RESOURCE_TYPES
        return self._types
