"""Lets one node of several do what only one should do at a time; another one goes on when that node dies.

A duty is an item of a queue of its own. Whoever has leased the item does the work and renews the lease meanwhile; a
node that dies renews nothing, and the item is offered to the next one. A node that was merely slow learns by its next
renewal that it has lost the lease, and stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection

from nightbus.clock import Clock
from nightbus.store.interface import (
    SYSTEM,
    Conflict,
    DeleteRecord,
    Enqueue,
    Item,
    PutRecord,
    QueueName,
    Record,
    Store,
    StoreUnavailable,
    TrimQueue,
)

log = logging.getLogger("nightbus.store")
KIND = "node/duty"
QUEUES_BEGIN = "duty/"  # the names of the duties' queues
LEASE_SECONDS = 60.0
LEASE_MS = int(LEASE_SECONDS * 1000)
_RENEWAL_SECONDS = LEASE_SECONDS / 3
_WAIT_SECONDS = 600.0


def is_duty(name: QueueName) -> bool:
    """Whether the queue has what the node does as long as it runs."""
    return name.scope == SYSTEM and name.queue.startswith(QUEUES_BEGIN)


def duty_of(name: QueueName) -> str | None:
    """Return the name of the duty whose queue this is, None for another queue."""
    return name.queue.removeprefix(QUEUES_BEGIN) if is_duty(name) else None


async def duties_under_way(store: Store) -> list[str]:
    """Return the duties that somebody has, by name: of a store that one node has to itself, this node's."""
    names = [record.key for record in await store.list(SYSTEM, KIND)]
    return [name for name in names if (await store.count(SYSTEM, _queue(name))).leased]


async def on_duty(store: Store, clock: Clock, name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` for as long as this node has the duty `name`, which it waits for; return when the work ends.

    Raises what the work raises. However this ends, the duty is free again.
    """
    while True:
        await _make_known(store, name)  # each time: another node may have forgotten it
        for item in await store.lease(SYSTEM, _queue(name), 1, LEASE_MS, _WAIT_SECONDS):
            try:
                if await work_while_leased(store, clock, item, work):
                    return
            finally:
                await store.change_lease(*item.queue, item.id, clock.now_ms(), item.token)


async def _make_known(store: Store, name: str) -> None:
    if await store.get(SYSTEM, KIND, name) is None:
        with contextlib.suppress(Conflict):  # another node was faster
            await store.commit(PutRecord(SYSTEM, KIND, name, {}, 0), Enqueue(SYSTEM, _queue(name), b"", 0))


async def end_duty(store: Store, name: str) -> None:
    """Nobody is to have the duty `name` any more: what is kept of it goes."""
    await store.commit(DeleteRecord(SYSTEM, KIND, name), TrimQueue(SYSTEM, _queue(name)))


async def forget_unattended(store: Store, clock: Clock, before: Collection[str]) -> set[str]:
    """Forget the duties that nobody has, or waits for, of those in `before`. Returns the others that nobody has.

    They are those of a release that named them otherwise, of what was deleted, and those whose work has ended. Whoever
    is to have one makes it known again. A node may be between two leases: so whoever looks does it again after a while,
    with what this returned.
    """
    unattended: set[str] = set()
    for record in await store.list(SYSTEM, KIND):
        for item in await store.lease(SYSTEM, _queue(record.key), 1, LEASE_MS):
            if record.key in before:
                await _forget(store, record, item)
            else:
                unattended.add(record.key)
                await store.change_lease(*item.queue, item.id, clock.now_ms(), item.token)
    return unattended


async def _forget(store: Store, record: Record, item: Item) -> None:
    with contextlib.suppress(Conflict):  # somebody ends it, too
        await store.commit(
            DeleteRecord(SYSTEM, KIND, record.key, record.revision),
            item.acknowledge(),
            TrimQueue(SYSTEM, _queue(record.key)),
        )


def _queue(name: str) -> str:
    return f"{QUEUES_BEGIN}{name}"


async def work_while_leased(
    store: Store, clock: Clock, item: Item, work: Callable[[], Awaitable[None]]
) -> bool:
    """Do `work` while the item's lease, which was taken for `LEASE_MS`, is renewed.

    Returns whether the work came to its end: the lease still stands then. False where the lease was lost before, and
    the work was cancelled. Raises what the work raises.
    """
    working = asyncio.ensure_future(work())
    renewing = asyncio.ensure_future(_renew(store, clock, item))
    try:
        await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return True
        return False
    finally:
        for task in (working, renewing):
            task.cancel()
        await asyncio.gather(working, renewing, return_exceptions=True)


async def _renew(store: Store, clock: Clock, item: Item) -> None:
    """Returns when the lease is somebody else's."""
    while True:
        await clock.sleep(_RENEWAL_SECONDS)
        try:
            ends = clock.now_ms() + LEASE_MS
            if not await store.change_lease(*item.queue, item.id, ends, item.token, renewed=True):
                return
        except StoreUnavailable as failure:  # the lease stands until the next renewals
            # A node has a lease for each of about twenty duties, and the store itself says once that it is away.
            log.debug("the lease of item %d of %s is not renewed now: %s", item.id, item.queue.queue, failure)
        except Exception:  # the store's, for a moment
            log.exception("the lease of item %d of %s is not renewed now", item.id, item.queue.queue)
