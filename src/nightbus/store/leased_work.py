"""Carries out the items of a queue, each in a task of its own that renews its lease.

Where the node dies, another one, or the same after its restart, leases the item and begins it again: so `work` goes on
from what the store says, and may run again after it has succeeded.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Awaitable, Callable

from nightbus.clock import Clock
from nightbus.store.duties import LEASE_MS, work_while_leased
from nightbus.store.interface import SYSTEM, Item, StaleLease, Store, StoreUnavailable

log = logging.getLogger("nightbus.store")
_WAIT_SECONDS = 30.0
_AGAIN_MS = 1_000  # after a failure; twice as long after each further one, at most
_MOST_AGAIN_MS = 300_000


async def work_through(
    store: Store, clock: Clock, queue: str, work: Callable[[Item], Awaitable[None]], at_once: int
) -> None:
    """Carry out the items of `queue`, at most `at_once` at a time, until cancelled.

    Items of a group wait for one another. When this is cancelled, what is under way is offered to whoever works through
    the queue next.
    """
    slots = asyncio.Semaphore(at_once)
    tasks: dict[asyncio.Task[None], Item] = {}

    def ended(task: asyncio.Task[None]) -> None:
        tasks.pop(task, None)
        slots.release()

    try:
        while True:
            await slots.acquire()
            items = await store.lease(SYSTEM, queue, 1, LEASE_MS, _WAIT_SECONDS, by_group=True)
            if not items:
                slots.release()
            for item in items:
                task = asyncio.create_task(_carry_out(store, clock, item, work), name=f"{queue} {item.id}")
                tasks[task] = item
                task.add_done_callback(ended)
    finally:
        under_way = dict(tasks)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for item in under_way.values():
            await store.change_lease(*item.queue, item.id, clock.now_ms(), item.token)


async def _carry_out(store: Store, clock: Clock, item: Item, work: Callable[[Item], Awaitable[None]]) -> None:
    try:
        if await work_while_leased(store, clock, item, functools.partial(work, item)):
            await store.commit(item.acknowledge())
    except StaleLease as stale:
        log.info("another node goes on: %s", stale)
    except Exception:
        log.exception("item %d of %s broke off; it is taken up again", item.id, item.queue[1])
        later = min(_AGAIN_MS << min(item.attempt - 1, 10), _MOST_AGAIN_MS)
        with contextlib.suppress(StoreUnavailable):  # the store does it when it is back
            await store.change_lease(*item.queue, item.id, clock.now_ms() + later, item.token)
