"""Offers the items of queues, wakes those who wait for them, and keeps the leases.

A lease gives one caller an item until a time, `lease_ms` from now. Nobody else gets the item before. Its states:

    state     in memory                         in the rows   next
    free      at most the place in the order    a row         leased, by `take`
    leased    held until `ends`, with a token   a row         gone (Acknowledge), free at a due time (GiveBack), over
    over      held, and `ends` lies behind      a row         free, at the next `take`; leased for longer, by
                                                              `change_lease`; gone or given back, by its late holder
    gone      nothing                           no row

What holds, and by what:

1. Of one item there is one lease at a time. Everything here is done on the event loop without an `await`, so a `take`
   sees all leases there are, and no second one comes in between. The folder's lock keeps other processes away.
2. A late holder settles nothing that is somebody else's. Each lease has a token of its own: the count of the item's
   leases, from a start that is drawn at random when the store is opened. `check_leases` compares it with the newest
   lease of the item as a commit is submitted. As long as nobody else got the item the late one may still settle it.
3. What is offered is committed. Rows are read from the database, where a commit that is under way does not show; and
   `settle`, which the writer calls when a commit is durable, takes it up before the committing caller goes on.
4. Whoever waits misses nothing. `wait` makes the future before the last look, and each change that can free an item
   (settle, change_lease) wakes all who wait for that queue; what becomes free by time alone is in `next_time`.
5. Of one group nobody gets an item while somebody has another one, and they come in their order: `ByGroup` locks a
   group by its leased items.
6. A queue has state from its first lease on, and costs nothing before.

Leases are not written: a write for each would halve the rate of ReceiveMessage, and what it would save is a repetition
that delivery at least once allows. So a restart ends all leases: every item that was not settled is free, is counted
from its first lease again, and refuses the tokens of before. What depends on a lease that outlives its node (the duty
of one node of several) holds in a store that nodes share, which keeps the leases for all of them.

What would break them: an `await` in `take`, `settle` or `check_leases` (1, 2, 3); a settlement without its token by
somebody who may be late (2); a row that is changed by another path than the writer (3); a change that frees an item and
wakes nobody (4).
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from nightbus.store.interface import (
    Acknowledge,
    Append,
    AppendOnce,
    Change,
    Enqueue,
    EnqueueMany,
    GiveBack,
    Item,
    Lease,
    QueuedItem,
    QueueName,
    StaleLease,
    TrimQueue,
)
from nightbus.store.sqlite.fresh_rows import FreshRows
from nightbus.store.sqlite.names import look_up
from nightbus.store.sqlite.queue_order import ByDue, ByGroup, Leases, Order, Position, Row, groups_of
from nightbus.store.sqlite.reads import count_due


class QueueRows:
    """Implements `nightbus.store.sqlite.queue_order.Rows` over one reading connection."""

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._execute = connection.execute
        self._number = number

    def after(self, position: Position, due_until: int, limit: int) -> list[Row]:
        due, item = position
        rows = self._execute(
            "SELECT id, due, data FROM item WHERE queue = ? AND (due, id) > (?, ?) AND due <= ?"
            " ORDER BY due, id LIMIT ?",
            (self._number, due, item, due_until, limit),
        ).fetchall()
        return [Row(*row) for row in rows]

    def next_due(self, position: Position) -> int | None:
        row = self._execute(
            "SELECT due FROM item WHERE queue = ? AND (due, id) > (?, ?) ORDER BY due, id LIMIT 1",
            (self._number, *position),
        ).fetchone()
        return row[0] if row else None

    def find(self, item: int) -> Row | None:
        row = self._execute("SELECT id, due, data FROM item WHERE id = ?", (item,)).fetchone()
        return Row(*row) if row else None

    def all(self) -> Iterable[tuple[int, int, str]]:
        with closing(
            self._execute("SELECT id, due, grp FROM item WHERE queue = ? ORDER BY id", (self._number,))
        ) as rows:
            yield from rows


@dataclass(slots=True)
class _Waiting:
    futures: set[asyncio.Future[None]] = field(default_factory=set)

    def wake(self) -> None:
        for woken in list(self.futures):
            if not woken.done():
                woken.set_result(None)


@dataclass(slots=True)
class _Untaken:
    """The number of due items of one queue that were never leased.

    At the first question the rows are counted; then each new item adds one, by its id, and each first lease takes one
    off. So the figure cannot drift, neither by items that are given back, nor by leases that end, nor by a caller that
    is gone when its commit is done.
    """

    count: int
    newest: int  # the highest id when it was counted
    counted_at: int

    def enqueued(self, item: int) -> None:
        if item > self.newest:
            self.count += 1

    def taken(self, item: Item) -> None:
        if item.attempt == 1 and (item.id > self.newest or item.due <= self.counted_at):
            self.count -= 1


class QueueLeases:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._untaken: dict[QueueName, _Untaken] = {}
        self._ahead: dict[QueueName, list[tuple[int, int, str]]] = {}  # of queues whose order is being read
        self.orders: dict[QueueName, Order] = {}
        self._fresh: dict[QueueName, FreshRows] = {}  # of those that are ordered by due time
        self._first_token = secrets.randbits(40) << 20
        self.waited_for: dict[QueueName, _Waiting] = {}
        self.has_woken = False  # whether the last `settle` did

    def take(
        self, name: QueueName, limit: int, now: int, lease_ms: int, by_group: bool
    ) -> tuple[list[Item], int | None]:
        """Lease items that are due and free. Where there are none, also return when the next one may be (UTC ms)."""
        order = self._order(name, by_group)
        if order is None:
            return [], None
        items = order.take(limit, now, lease_ms)
        untaken = self._untaken.get(name)
        if untaken is not None:
            for item in items:
                untaken.taken(item)
        return items, None if items else order.next_time()

    def take_one(self, name: QueueName, item: int, now: int, lease_ms: int, group: str | None) -> Item | None:
        """Lease this item, if it is due and free. `group`: of a queue that is leased by group."""
        order = self._order(name, by_group=group is not None)
        taken = None if order is None else order.take_one(item, group or "", now, lease_ms)
        untaken = self._untaken.get(name)
        if taken is not None and untaken is not None:
            untaken.taken(taken)
        return taken

    def _order(self, name: QueueName, by_group: bool) -> Order | None:
        """None where the queue has no row yet."""
        order = self.orders.get(name)
        if order is None:
            number = look_up(self._connection, name[0], "queue", name[1])
            if number is None:
                return None
            rows = QueueRows(self._connection, number)
            if by_group:
                order = self.orders[name] = ByGroup(rows, self._leases_of(name))
            else:
                fresh = self._fresh[name] = FreshRows(rows)
                order = self.orders[name] = ByDue(fresh, self._leases_of(name))
        return order

    def seen(self, name: QueueName, rows: Sequence[QueuedItem], now: int) -> list[QueuedItem]:
        """The rows with what is known of their leases."""
        order = self.orders.get(name)
        if order is None:
            return list(rows)
        items = []
        for row in rows:
            attempts, first = order.leases.attempts(row.id)
            held = order.leases.held.get(row.id)
            until = held.ends if held is not None and held.ends > now else 0
            items.append(row._replace(attempts=attempts, first=first, leased_until=until))
        return items

    def is_ordered(self, name: QueueName) -> bool:
        """Whether the order of its items is known, so that a lease is quick."""
        return name in self.orders

    def read_ahead(self, name: QueueName) -> list[tuple[int, int, str]]:
        """The list that collects what is enqueued from now on, until `order_by_group`."""
        return self._ahead.setdefault(name, [])

    def read_order(self, reader: sqlite3.Connection, name: QueueName, now: int) -> ByGroup | None:
        """The items of a queue by group; None where there is no such queue yet. Blocks, on the thread of `reader`."""
        number = look_up(reader, name[0], "queue", name[1])
        if number is None:
            return None
        groups = groups_of(QueueRows(reader, number))
        return ByGroup(QueueRows(self._connection, number), self._leases_of(name), groups, now)

    def _leases_of(self, name: QueueName) -> Leases:
        return Leases(name, self._first_token)

    def order_by_group(self, name: QueueName, order: ByGroup | None) -> None:
        """`order` was read since `read_ahead`; None where it could not be."""
        ahead = self._ahead.pop(name, [])
        if order is None or name in self.orders:
            return
        self.orders[name] = order
        for item, due, group in ahead:
            order.added(item, due, group)

    def untaken(self, name: QueueName, now: int) -> int:
        """How many items are due and were never leased since the store was opened."""
        state = self._untaken.get(name)
        if state is None:
            counted = count_due(self._connection, *name, now)
            state = self._untaken[name] = _Untaken(*counted, now)
        return state.count

    def check_leases(self, changes: Sequence[Change]) -> None:
        """Raises StaleLease. Until the commit is done an item may be offered to somebody else all the same, where its
        lease ends in this very moment: it is delivered twice then, as after a crash."""
        for change in changes:
            if (type(change) is Acknowledge or type(change) is GiveBack) and change.token is not None:
                name = QueueName(change.scope, change.queue)
                order = self.orders.get(name)
                if order is None or order.leases.newest_token(change.item) != change.token:
                    raise StaleLease(name, change.item)

    def lease_again(
        self, name: QueueName, item: int, token: int, now: int, lease_ms: int, data: bytes | None = None
    ) -> Item | None:
        """A group that the item locks stays locked. While the lease of `token` stands, nobody has changed the row: so
        `data` is what a statement would read, which gives up Python's lock to the writer's thread."""
        order = self.orders.get(name)
        held = None if order is None else order.leases.held.get(item)
        if order is None or held is None or held.ends <= now or order.leases.newest_token(item) != token:
            return None
        row = order.rows.find(item) if data is None else Row(item, held.due, data)
        return None if row is None else order.leases.take(row, held.group, now, lease_ms)

    def change_lease(
        self, name: QueueName, item: int, ends: int, token: int | None, *, renewed: bool = False
    ) -> bool:
        order = self.orders.get(name)
        changed = order is not None and order.leases.change(item, ends, token, renewed=renewed)
        if changed:
            self._wake(name)  # who waits learns when it may be offered
        return changed

    def newest_lease(self, name: QueueName, item: int) -> Lease | None:
        order = self.orders.get(name)
        return order.leases.newest(item) if order is not None else None

    def leased(self, name: QueueName, now: int) -> int:
        order = self.orders.get(name)
        return sum(held.ends > now for held in order.leases.held.values()) if order is not None else 0

    def wait(self, name: QueueName) -> asyncio.Future[None]:
        """Done when something was put into the queue, given back to it, or changed its lease."""
        waiting = self.waited_for.setdefault(name, _Waiting())
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.futures.add(woken)
        woken.add_done_callback(lambda done: self._waits_no_longer(name, done))
        return woken

    def _waits_no_longer(self, name: QueueName, done: asyncio.Future[None]) -> None:
        waiting = self.waited_for.get(name)
        if waiting is not None:
            waiting.futures.discard(done)
            if not waiting.futures:
                del self.waited_for[name]

    def wake(self, names: Iterable[QueueName]) -> None:
        for name in names:
            self._wake(name)

    def settle(self, changes: Sequence[Change], first_item: int) -> list[Change]:
        """These changes were committed; their enqueued items have the ids from `first_item` on.

        Those of the changes that are no business of queues.
        """
        enqueued = first_item
        self.has_woken = False
        rest: list[Change] = []
        for change in changes:
            if type(change) is Append or type(change) is AppendOnce:  # most of them are
                continue
            if type(change) is Enqueue:
                self._enqueued(change, enqueued)
                enqueued += 1
            elif type(change) is EnqueueMany:
                self._enqueued_many(change, enqueued)
                enqueued += len(change.data)
            elif type(change) is Acknowledge:
                self._done(change)
            elif type(change) is GiveBack:
                self._given_back(change)
            elif type(change) is TrimQueue:
                self._trimmed(change)
            else:
                rest.append(change)
        return rest

    def _enqueued(self, change: Enqueue, item: int) -> None:
        name = QueueName(change.scope, change.queue)
        untaken = self._untaken.get(name)
        if untaken is not None:
            untaken.enqueued(item)
        order = self.orders.get(name)
        if order is not None:
            order.added(item, change.due, change.group)
        elif name in self._ahead:
            self._ahead[name].append((item, change.due, change.group))
        waiting, fresh = self.waited_for.get(name), self._fresh.get(name)
        if fresh is not None:
            fresh.added(item, change.due, change.data, waited_for=waiting is not None)
        if waiting is not None:
            self.has_woken = True
            waiting.wake()

    def _enqueued_many(self, change: EnqueueMany, first: int) -> None:
        name = QueueName(change.scope, change.queue)
        untaken = self._untaken.get(name)
        if untaken is not None:
            for item in range(first, first + len(change.data)):
                untaken.enqueued(item)
        order = self.orders.get(name)
        if order is not None:
            for item in range(first, first + len(change.data)):
                order.added(item, change.due, "")
        fresh = self._fresh.get(name)
        if fresh is not None:
            waited_for = name in self.waited_for
            for item, data in enumerate(change.data, first):
                fresh.added(item, change.due, data, waited_for=waited_for)
        self._wake(name)

    def _done(self, change: Acknowledge) -> None:
        name = QueueName(change.scope, change.queue)
        order = self.orders.get(name)
        if order is not None:
            order.done(change.item)
            fresh = self._fresh.get(name)
            if fresh is not None:
                fresh.gone(change.item)
            if isinstance(order, ByGroup):
                self._wake(name)  # the next of its group may be free now

    def _given_back(self, change: GiveBack) -> None:
        name = QueueName(change.scope, change.queue)
        if name in self.orders:
            self.orders[name].given_back(change.item, change.due)
            fresh = self._fresh.get(name)
            if fresh is not None:
                fresh.given_back(change.item, change.due)
            self._wake(name)

    def _trimmed(self, change: TrimQueue) -> None:
        name = QueueName(change.scope, change.queue)
        self._untaken.pop(name, None)  # counted anew when it is asked about
        fresh = self._fresh.get(name)
        if fresh is not None:
            fresh.forget()
        if change.before is None:
            self.orders.pop(name, None)
            self._fresh.pop(name, None)
            self._wake(name)
        elif name in self.orders:
            self.orders[name].trimmed(change.before)
            self._wake(name)  # the next of a group may be free now

    def in_memory(self) -> dict[str, int]:
        return {
            "queues offered from": len(self.orders),
            "items kept for who waits": sum(map(len, self._fresh.values())),
            "queues waited for": len(self.waited_for),
            "items leased": sum(len(order.leases.held) for order in self.orders.values()),
            "items counted": sum(order.leases.counted for order in self.orders.values()),
        }

    def _wake(self, name: QueueName) -> None:
        waiting = self.waited_for.get(name)
        if waiting is not None:
            self.has_woken = True
            waiting.wake()
