"""Leases the items of queues in the database, wakes those who wait for them, and looks at what lies in a queue.

What holds, and by what:

1. Of one item there is one lease at a time: it is taken by an UPDATE of the item's row, which
   goes by what is committed.
2. A late holder settles nothing that is somebody else's: each lease has a token of its own, which a commit compares
   while it has the row locked.
3. Of one group nobody gets an item while somebody has another one. Whoever takes some locks the group's first item and
   looks then, by another statement, whether any of the group is leased; who holds that lock before has committed.
4. Whoever waits misses nothing for longer than a second: commits of this node wake it at once, other nodes' by a
   notification, time by the moment when the next item is ready; and a look at all queues that are waited for, once a
   second, finds what none of these told.

Leases are written without waiting for the disk: one that a crash of the server loses is a repetition.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from nightbus.clock import Clock
from nightbus.store.duties import is_duty
from nightbus.store.interface import (
    Acknowledge,
    Change,
    Enqueue,
    EnqueueMany,
    GiveBack,
    Item,
    QueueName,
    TrimQueue,
)
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.held_items import HeldItems
from nightbus.store.postgres.item_rows import ItemRows, Numbers
from nightbus.store.postgres.late_changes import LateChanges
from nightbus.store.postgres.lost_leases import LostLeases
from nightbus.store.postgres.queue_looks import Looks
from nightbus.store.postgres.untaken import MOST_COUNTED, UntakenItems
from nightbus.store.postgres.waiting_lines import WaitingLine

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_CONNECTIONS = 4
_LOOK_SECONDS = 1.0
_POLL_SECONDS = 0.02  # where nobody notifies
_SOON_MS = 1_000
_CLOSING_SECONDS = 2.0
# A statement goes by an index whatever the statistics say, which a table that was empty a moment ago has none of.
_SETTINGS = {"synchronous_commit": "off", "enable_seqscan": "off", "enable_bitmapscan": "off", "jit": "off"}


class QueueLeases:
    """`items` is what lies in the queues. `freed` is called with the number of a queue where a lease was made to end
    soon, for the other nodes."""

    @classmethod
    async def open(
        cls,
        database: Database,
        clock: Clock,
        numbers: Numbers,
        holder: Callable[[], int] = lambda: 0,
        freed: Callable[[int], None] = lambda number: None,
    ) -> QueueLeases:
        """`holder` is the number of this node, noted in what it has leased of its own queues, so that the others find
        it when the node is gone. Raises asyncpg.PostgresError, OSError, TimeoutError."""
        settings = {} if database.polls else _SETTINGS
        pool = await database.pool(_CONNECTIONS, name="nightbus leases", settings=settings)
        return cls(pool, ItemRows(pool, clock, numbers, holder), clock, freed, database.polls)

    def __init__(
        self, pool: asyncpg.Pool, items: ItemRows, clock: Clock, freed: Callable[[int], None], polls: bool
    ) -> None:
        self.items = items
        self._pool = pool
        self._clock = clock
        self._freed = freed
        self._lost = LostLeases(pool, self._ended_early, items.end_all)
        items.lost = self._lost.add
        self._late = LateChanges(pool, self._ended_early, items.end_all)
        items.late = self._late.add
        self._lines: dict[QueueName, WaitingLine] = {}
        self._held = HeldItems()
        self._untaken = UntakenItems(partial(items.count_untaken, most=MOST_COUNTED))
        self._looks = Looks(self._lines, items, clock)
        looking = self._looks.run(_POLL_SECONDS if polls else _LOOK_SECONDS)
        self._looking = asyncio.create_task(looking, name="look at queues that are waited for")
        self._jumps: set[asyncio.Task[None]] = set()
        self._giving_back: set[asyncio.Task[None]] = set()
        self._closed = False

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._looking.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                await asyncio.gather(*[line.close() for line in self._lines.values()])
                await asyncio.gather(self._looking, *self._giving_back, *self._jumps, return_exceptions=True)
                await self._untaken.close()
                await self._lost.close()
                await self._late.close()
                await self._pool.close()
                return
        self._pool.terminate()  # the database does not answer

    async def lease(
        self, name: QueueName, limit: int, lease_ms: int, wait: float = 0.0, by_group: bool = False
    ) -> list[Item]:
        """See `Store.lease`."""
        if self._closed:
            return []
        line = self._lines.get(name)
        if line is None:
            queue = _Queue(self, name, by_group)
            line = WaitingLine(queue, self._clock, by_group, partial(self._line_ended, name))
            self._lines[name] = line
        request = line.add(limit, lease_ms, patient=wait > 0)
        sleeping = None
        if wait > 0:
            sleeping = asyncio.ensure_future(self._clock.pause(wait))
            sleeping.add_done_callback(lambda done: None if done.cancelled() else line.time_is_over(request))
        try:
            return await request.answer
        except asyncio.CancelledError:
            self.give_back(name, line.withdraw(request))
            raise
        finally:
            if sleeping is not None:
                sleeping.cancel()

    def _ended_early(self, number: int) -> None:
        self.wake({number})
        self._freed(number)

    def _line_ended(self, name: QueueName) -> None:
        del self._lines[name]

    async def take(self, name: QueueName, limit: int, lease_ms: int, by_group: bool) -> list[Item]:
        """At most `limit` items that are due and free, without a wait."""
        return self._taken(name, lease_ms, await self.items.take(name, limit, lease_ms, by_group))

    async def lease_one(
        self, name: QueueName, item: int, lease_ms: int, group: str | None = None
    ) -> Item | None:
        """See `Store.lease_one`."""
        if self._closed:
            return None
        taken = await self.items.take_one(name, item, lease_ms, group)
        return next(iter(self._taken(name, lease_ms, [taken] if taken is not None else [])), None)

    async def lease_again(self, name: QueueName, item: int, token: int, lease_ms: int) -> Item | None:
        """See `Store.lease_again`."""
        taken = await self.items.take_again(name, item, token, lease_ms)
        return next(iter(self._taken(name, lease_ms, [taken] if taken is not None else [])), None)

    async def change_lease(
        self, name: QueueName, item: int, ends: int, token: int | None = None, *, renewed: bool = False
    ) -> bool:
        """See `Store.change_lease`."""
        if not await self.items.change(name, item, ends, token, renewed=renewed):
            return False
        if not renewed:
            self._held.gone(name, item)
        line = self._lines.get(name)
        if line is not None:
            line.sooner(ends)
        if ends <= self._clock.now_ms() + _SOON_MS:
            number = await self.items.number(name)
            if number is not None:
                self._freed(number)
        return True

    def give_back(self, name: QueueName, items: Sequence[Item]) -> None:
        """What nobody waits for any more."""
        if items:
            task = asyncio.create_task(self._undo(name, items), name="give back what nobody waits for")
            self._giving_back.add(task)
            task.add_done_callback(self._giving_back.discard)

    async def _undo(self, name: QueueName, items: Sequence[Item]) -> None:
        try:
            await self.items.undo(name, items)
        except Exception as failure:  # then they are offered when their leases end
            log.warning("%d items of %s are not given back: %s", len(items), name.queue, failure)
            return
        self._untaken.added(name, sum(item.attempt == 1 for item in items))
        for item in items:
            self._held.gone(name, item.id)
        line = self._lines.get(name)
        if line is not None:
            line.wake()

    def untaken(self, name: QueueName) -> int:
        """See `Store.untaken`; up to a second behind what other nodes do."""
        return self._untaken.of(name)

    def _taken(self, name: QueueName, lease_ms: int, items: list[Item]) -> list[Item]:
        now = self._clock.now_ms()
        self._held.taken(name, items, now + lease_ms, now)
        self._untaken.added(name, -sum(item.attempt == 1 for item in items))
        return items

    # What others did.

    def committed(self, changes: Sequence[Change]) -> None:
        """These changes of one batch were committed by this node. Before its caller is answered."""
        self._held.committed(changes)
        for change in changes:
            if type(change) is Enqueue:
                self._offered(QueueName(change.scope, change.queue), change.due, 1)
            elif type(change) is EnqueueMany:
                self._offered(QueueName(change.scope, change.queue), change.due, len(change.data))
            elif type(change) is GiveBack:
                self._offered(QueueName(change.scope, change.queue), change.due, 0)
            elif type(change) is Acknowledge:
                self._left(QueueName(change.scope, change.queue))
            elif type(change) is TrimQueue:
                name = QueueName(change.scope, change.queue)
                self._left(name)
                self._untaken.trimmed(name)

    def _offered(self, name: QueueName, due: int, number: int) -> None:
        """`number` new items, or one that came back."""
        self._untaken.added(name, number)
        line = self._lines.get(name)
        if line is None:
            return
        if line.by_group:
            line.wake()
        else:
            line.sooner(due)

    def _left(self, name: QueueName) -> None:
        line = self._lines.get(name)
        if line is not None and line.by_group:
            line.wake()  # the next of its group may be free now

    def wake(self, numbers: Collection[int] | None) -> None:
        """Another node put something into these queues; None: into whichever."""
        for line in self._lines.values():
            if line.queue.number is None:
                self._looks.look_for_new_queues()  # it may be there by now
            elif numbers is None or line.queue.number in numbers:
                line.wake()

    def forget_held(self) -> None:
        """The other nodes took this one for dead, and have what it had."""
        self._held.forget()

    # For a clock that jumps, as only a test's does.

    def under_way(self) -> dict[str, int]:
        """What is asked of the database at the moment, and how many items of each of the node's own queues this node
        works on, without its duties."""
        looks = sum(line.looking for line in self._lines.values()) + len(self._jumps) + len(self._giving_back)
        counts = {"looks at queues": looks} if looks else {}
        for name, count in self._held.by_queue(self._clock.now_ms()).items():
            if not is_duty(name):
                counts[name.queue] = count
        return counts

    def next_time(self) -> int | None:
        """When (UTC ms), in the future, an item is due in a queue that somebody waits for."""
        now = self._clock.now_ms()
        times = [line.next_ready for name, line in self._lines.items() if not is_duty(name)]
        return min((time for time in times if time is not None and time > now), default=None)

    def jumped(self, by_ms: int) -> None:
        """The clock went forward by `by_ms` at once: who works on an item of the node's keeps it for as long as
        before, and who waits looks again."""
        task = asyncio.create_task(self._follow(by_ms), name="follow a jump of the clock")
        self._jumps.add(task)
        task.add_done_callback(self._jumps.discard)

    async def _follow(self, by_ms: int) -> None:
        await self.items.extend(by_ms)
        self._held.extend(by_ms)
        for name, line in self._lines.items():
            if not is_duty(name):
                line.wake()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._lines.values()))

    def in_memory(self) -> dict[str, int]:
        return {
            "queues waited for": len(self._lines),
            "requests for items": self.waiting,
            "items worked on": len(self._held),
            "leases without an answer": len(self._lost),
            "leases to be changed": len(self._late),
            "queues of many groups": len(self.items.cursors),
            "queues counted": len(self._untaken),
        }


class _Queue:
    """One queue, as those see it who wait for its items."""

    def __init__(self, leases: QueueLeases, name: QueueName, by_group: bool) -> None:
        self._leases = leases
        self._name = name
        self._by_group = by_group
        self.number: int | None = None

    async def take(self, limit: int, lease_ms: int) -> list[Item]:
        self.number = await self._leases.items.number(self._name)
        return await self._leases.take(self._name, limit, lease_ms, self._by_group)

    def give_back(self, items: Sequence[Item]) -> None:
        self._leases.give_back(self._name, items)

    async def next_ready(self) -> int | None:
        return await self._leases.items.next_ready(self._name)
