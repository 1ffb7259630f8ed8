"""Runs the operations that the stacks' records say are under way, in one background task per stack.

An operation is an item of a queue (`operation_queue`), whose lease the node renews while it works. Where the node dies,
another one, or the same after its restart, leases the item and goes on from where the store says that the stack is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Mapping

from nightbus.aws.calls import Operations, Scope
from nightbus.clock import Clock
from nightbus.stacks.callbacks.stack_callbacks import StackCallbacks
from nightbus.stacks.interface import ResourceType
from nightbus.stacks.operation_queue import QUEUE, operation_item, stack_of
from nightbus.stacks.operations.phases import PHASES, run_phases
from nightbus.stacks.operations.stack_operation import StackGone, StackOperation
from nightbus.stacks.records import STACK, Stack, stack_key
from nightbus.stacks.retention import delete_stack_records, is_forgotten
from nightbus.store.duties import LEASE_MS, work_while_leased
from nightbus.store.interface import (
    SYSTEM,
    Item,
    RecordName,
    StaleLease,
    Store,
    StoreUnavailable,
    Touched,
)
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
    "IMPORT_IN_PROGRESS": "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_IN_PROGRESS": "IMPORT_ROLLBACK_FAILED",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
}


_DAY_SECONDS = 24 * 3600
_PER_LEASE = 1  # a lease of more may bring several items of one stack
_WAIT_SECONDS = 30.0
_AGAIN_MS = 5_000  # after an error of the engine; twice as long after each further one, at most
_MOST_AGAIN_MS = 300_000
_UNREADABLE = (ValueError, TypeError)
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
        callbacks: StackCallbacks | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._vault = vault
        self._types = types
        self._callbacks = callbacks
        self._tasks: dict[asyncio.Task[None], Item] = {}

    async def run(self) -> None:
        """Until cancelled: carry out the operations that the store's queue offers, each in a task of its own."""
        while True:
            for item in await self._store.lease(
                SYSTEM, QUEUE, _PER_LEASE, LEASE_MS, _WAIT_SECONDS, by_group=True
            ):
                task = asyncio.create_task(self._carry_out(item), name=f"stack operation {item.id}")
                self._tasks[task] = item
                task.add_done_callback(self._tasks.pop)
            await asyncio.sleep(0)  # a lease that finds something does not wait

    async def recover(self) -> None:
        """A duty of one node: queue the operations that an earlier release had begun, which knew no queue.

        An operation that is queued twice finds its stack at rest the second time. A stack whose record cannot be read
        stops no other.
        """
        for scope in await self._store.scopes(STACK):
            for record in await self._store.list(scope, STACK):
                with one_of_many("the recovery of stack", record.key):
                    stack = Stack(**record.value)
                    if stack.status in PHASES:
                        log.info("the operation on stack %s continues (%s)", stack.name, stack.status)
                        await self._store.commit(operation_item(scope, stack.id, self._clock.now_ms()))

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

    async def settled(self, scope: Scope, stack_id: str, patience: float | None = None) -> None:
        """Returns when nothing is under way for the stack, or after `patience` seconds; None waits without a limit."""
        key, changed = stack_key(stack_id), asyncio.Event()

        def note(touched: Touched | None) -> None:
            if touched is None or RecordName(scope, STACK, key) in touched.records:
                changed.set()

        waiting = asyncio.ensure_future(self._settled(scope, key, changed))
        unwatch = self._store.watch(note, [STACK])
        alarm = None if patience is None else asyncio.ensure_future(self._clock.sleep(patience))
        watched = {waiting} if alarm is None else {waiting, alarm}
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                await waiting
        finally:
            unwatch()
            for task in watched:
                task.cancel()

    async def _settled(self, scope: Scope, key: str, changed: asyncio.Event) -> None:
        while True:
            changed.clear()
            record = await self._store.get(scope, STACK, key)
            if record is None or record.value["status"] not in PHASES:
                return
            await changed.wait()

    def in_memory(self) -> dict[str, int]:
        return {"stacks under way": len(self._tasks)}

    async def close(self) -> None:
        """Stop at the next wait; what is under way is offered to whoever works through the queue next."""
        tasks = dict(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for item in tasks.values():
            await self._offer(item, 0)

    async def _carry_out(self, item: Item) -> None:
        """The operation, until its stack rests; where the engine or the store fails, it is offered again later."""
        try:
            scope, stack_id = stack_of(item)
        except _UNREADABLE:
            log.exception("stack operation %d is dropped, it cannot be read", item.id)
            await self._store.commit(item.acknowledge())
            return
        try:
            work = functools.partial(self._work, scope, stack_id)
            if await work_while_leased(self._store, self._clock, item, work):
                await self._store.commit(item.acknowledge())
        except StaleLease as stale:
            log.info("another node goes on: %s", stale)
        except Exception:
            log.exception("stack operation %d broke off; it is taken up again", item.id)
            with contextlib.suppress(StoreUnavailable):  # the store does it when it is back
                await self._offer(item, min(_AGAIN_MS << min(item.attempt - 1, 10), _MOST_AGAIN_MS))

    async def _offer(self, item: Item, later_ms: int) -> None:
        await self._store.change_lease(*item.queue, item.id, self._clock.now_ms() + later_ms, item.token)

    async def _work(self, scope: Scope, stack_id: str) -> None:
        failures = 0
        while not await self._carried_through(scope, stack_id):
            await self._clock.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _carried_through(self, scope: Scope, stack_id: str) -> bool:
        """Run the phases from the recorded state. Returns False if the store failed for the moment.

        Any other exception is an error of the engine and ends the operation.
        """
        operation = StackOperation(
            self._store,
            self._clock,
            self._operations,
            self._vault,
            self._resource_types(),
            scope,
            self._callbacks,
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
