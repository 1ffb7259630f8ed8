"""Works through queues of the store so that nobody's slow work delays anybody else's.

Work that is done within the node's own store is quick and takes one of a few slots. Work with a key (a target
elsewhere, an endpoint, a function) takes a slot of the key's share. Where the share is used up, the item is parked: its
lease is set to end later, nothing of it stays in memory but its number, and it takes nobody's slot. When its turn comes
it is read again by a new lease (`Store.lease_again`), which nobody else can get before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from nightbus.aws.threads import LONG_TEXT
from nightbus.clock import Clock
from nightbus.delivery.shares import Shares
from nightbus.store.interface import SYSTEM, Item, StaleLease, Store, StoreUnavailable
from nightbus.store.upkeep import is_passing

log = logging.getLogger("nightbus.delivery")

_MOST_PARKED_BYTES = 1024 * 1024
_LOCAL_AT_ONCE = 64
_WAIT_SECONDS = 30.0
_RENEWALS = 4  # rounds in the time of a lease
_AGAIN_MS = 5_000  # when the store takes nothing, as with a full disk
# Parked items are read, and parked again, when their leases end: with many of them a worker would do little else.
_MANY_PARKED = 10_000  # one lease longer for each so many
_LONGEST_PARKING = 10  # leases
_MOST_AGAIN_MS = 600_000  # after any other failure: twice as long after each
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, AssertionError, ArithmeticError)


class ItemName(NamedTuple):
    queue: str
    item: int


def name_of(item: Item) -> ItemName:
    return ItemName(item.queue.queue, item.id)


class Work(NamedTuple):
    """What is to be done for an item, which it also settles in the store.

    `key`: whose share it takes, "" for work within this node's store. `run` gets whether the turn of the item did not
    come before `ends` (UTC ms), where it has an end.
    """

    key: str
    run: Callable[[bool], Awaitable[None]]
    ends: int | None = None


WorkOf = Callable[[Item], Work]


class _Parked(NamedTuple):
    """`token` is that of the item's lease, `data` the item's where it is kept."""

    token: int
    data: bytes | None


class FairWorker:
    """Leases for `lease_ms` from the node's queues that are added; the slots of `shares` are for all together.

    The lease of an item is renewed while its work runs: work that takes longer, as a mail in a long queue for the mail
    server, would be begun a second time else, and settled by neither.
    """

    def __init__(self, store: Store, clock: Clock, lease_ms: int, shares: Shares[ItemName]) -> None:
        self._store = store
        self._clock = clock
        self._lease_ms = lease_ms
        self._shares = shares
        self._queues: dict[str, WorkOf] = {}
        self._local: dict[str, dict[asyncio.Task[None], Item]] = {}  # by queue
        self._shared: dict[asyncio.Task[None], Item] = {}
        self._parked: dict[ItemName, _Parked] = {}  # items that wait for a slot
        self._parked_bytes = 0  # of their data that is kept
        self._has_begun = asyncio.Event()  # something since the last renewal of leases
        self._closing = False

    def add(self, queue: str, work_of: WorkOf) -> None:
        """Before `run`. `work_of` raises ValueError and the like for an item that cannot be read, which is dropped.

        Raises ValueError for a queue that was added before.
        """
        if queue in self._queues:
            raise ValueError(f"two have the queue {queue}: each would take the other's items")
        self._queues[queue] = work_of
        self._local[queue] = {}

    async def run(self) -> None:
        """Until `close`. What one queue's loop raises ends the loops of all."""
        loops = [asyncio.create_task(self._work_through(queue)) for queue in self._queues]
        renewing = asyncio.create_task(self._renew())
        try:
            await asyncio.gather(*loops)
        finally:
            for loop in (*loops, renewing):
                loop.cancel()
            await asyncio.gather(*loops, renewing, return_exceptions=True)

    async def _renew(self) -> None:
        """Asleep while nothing runs: it would wake up every minute of a day that passes in a test's own time.

        Each renewal is a question to the store, so work that began since the round before needs none: its lease stands
        for three more rounds.
        """
        older: Collection[asyncio.Task[None]] = ()
        while True:
            await self._has_begun.wait()
            await self._clock.sleep(self._lease_ms / 1000 / _RENEWALS)
            ends, running = self._clock.now_ms() + self._lease_ms, self._running()
            if not running:
                self._has_begun.clear()
            for task, item in running.items():
                if task in older and not task.done():
                    await self._renew_lease(item, ends)
            older = running

    async def _renew_lease(self, item: Item, ends: int) -> None:
        try:
            await self._store.change_lease(*item.queue, item.id, ends, item.token, renewed=True)
        except Exception:  # the store's: the lease stands until the next renewals
            log.exception("the lease of item %d of %s is not renewed now", *reversed(name_of(item)))

    def _running(self) -> dict[asyncio.Task[None], Item]:
        running = dict(self._shared)
        for local in self._local.values():
            running |= local
        return running

    async def _work_through(self, queue: str) -> None:
        local = self._local[queue]
        while not self._closing:
            if len(local) >= _LOCAL_AT_ONCE:
                await asyncio.wait(local, return_when=asyncio.FIRST_COMPLETED)
                continue
            room = _LOCAL_AT_ONCE - len(local)
            await self._begin_all(await self._store.lease(SYSTEM, queue, room, self._lease_ms, _WAIT_SECONDS))
            await asyncio.sleep(0)  # a lease that finds something does not wait, and parking does not either

    async def _begin_all(self, items: Sequence[Item]) -> None:
        """So many at a time that neither reading them nor their first steps hold the event loop for long."""
        left, begun = deque(items), 0
        try:
            while left:
                begun += len(left[0].data)
                if begun > LONG_TEXT:
                    begun = len(left[0].data)
                    await asyncio.sleep(0)
                if self._closing:
                    return
                await self._begin(left.popleft())
        finally:
            for item in left:  # nobody begins them
                await self._offer(name_of(item), item.token, self._clock.now_ms())

    async def run_until_cancelled(self) -> None:
        """Cancels what runs when it is cancelled itself, or when the store fails."""
        try:
            await self.run()
        finally:
            await self.close()

    async def close(self, patience: float = 0.0) -> None:
        """Take nothing new, wait `patience` seconds for what runs; what is cut off, or is parked, is offered at once to
        whoever works through the queue then: another node, or this one's next worker where this one failed."""
        self._closing = True
        running = self._running()
        if running and patience:
            await asyncio.wait(running, timeout=patience)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        now = self._clock.now_ms()
        for task, item in running.items():
            if task.cancelled():
                await self._offer(name_of(item), item.token, now)
        while self._parked:
            name, parked = self._parked.popitem()
            await self._offer(name, parked.token, now)

    async def _begin(self, item: Item) -> None:
        name = name_of(item)
        try:
            work = self._queues[name.queue](item)
        except _UNREADABLE:
            log.exception("item %d of %s is dropped, it cannot be read", item.id, name.queue)
            work = Work("", partial(self._drop, item))
        now = self._clock.now_ms()
        if not work.key:
            self._spawn(item, work, late=False)
        elif self._shares.begin(work.key, name):
            self._unpark(name)
            self._spawn(item, work, late=False, key=work.key)
        elif work.ends is not None and work.ends <= now:
            self._shares.leave(work.key, name)
            self._unpark(name)
            self._spawn(item, work, late=True)
        else:
            self._park(name, item)
            leases = min(1 + len(self._parked) // _MANY_PARKED, _LONGEST_PARKING)
            offered = now + self._lease_ms * leases
            if work.ends is not None:
                offered = min(offered, work.ends)
            if leases > 1 or offered == work.ends:  # else its lease ends at the right time
                await self._offer(name, item.token, offered)

    def _park(self, name: ItemName, item: Item) -> None:
        """Keep the item's data where there is room, so that it need not be read again."""
        self._unpark(name)
        kept = item.data if self._parked_bytes + len(item.data) <= _MOST_PARKED_BYTES else None
        self._parked[name] = _Parked(item.token, kept)
        self._parked_bytes += len(kept or b"")

    def _unpark(self, name: ItemName) -> None:
        parked = self._parked.pop(name, None)
        if parked is not None:
            self._parked_bytes -= len(parked.data or b"")

    def _spawn(self, item: Item, work: Work, late: bool, key: str = "") -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(item, work, late, key))
        tasks = self._shared if key else self._local[item.queue.queue]
        tasks[task] = item
        task.add_done_callback(tasks.pop)
        self._has_begun.set()

    async def _carry_out(self, item: Item, work: Work, late: bool, key: str) -> None:
        try:
            await work.run(late)
        except StaleLease as stale:
            log.info("what became of it is not written down: %s", stale)
        except Exception as failure:
            name = name_of(item)
            again, is_outage = _AGAIN_MS, is_passing(failure)
            if not is_outage:
                again = min(_AGAIN_MS << min(item.attempt - 1, 10), _MOST_AGAIN_MS)
            log.error(
                "what became of item %d of %s is not written down; it is tried again in %g s%s",
                name.item, name.queue, again / 1000, f": {failure}" if is_outage else "", exc_info=not is_outage,
            )  # fmt: skip
            with suppress(StoreUnavailable):  # the store does it when it is back
                await self._offer(name, item.token, self._clock.now_ms() + again)
        finally:
            if key:
                await self._ended(key)

    async def _ended(self, key: str) -> None:
        called = self._shares.end(key)
        if not self._closing:  # `close` offers what is parked
            await self._begin_parked(called)

    async def _begin_parked(self, items: Iterable[ItemName]) -> None:
        """Begin parked items whose turn it is, by a new lease. One that somebody else has gives way to another."""
        called = deque(items)
        while called:
            name = called.popleft()
            parked = self._parked.get(name)
            try:
                if parked is not None:
                    item = await self._store.lease_again(
                        SYSTEM, *name, parked.token, self._lease_ms, parked.data
                    )
                    self._unpark(name)  # not before: `close` may come meanwhile
                    if item is not None:
                        await self._begin(item)
            except (
                Exception
            ):  # the store's, or a fault in reading it: the item is offered when its lease ends
                log.exception("item %d of %s does not begin now", name.item, name.queue)
                self._unpark(name)
            called.extend(self._shares.gone(name))

    async def _offer(self, name: ItemName, token: int | None, at: int) -> None:
        """At `at` (UTC ms) to whoever leases then."""
        await self._store.change_lease(SYSTEM, name.queue, name.item, at, token)

    async def _drop(self, item: Item, _late: bool) -> None:
        await self._store.commit(item.acknowledge())
