"""Leases items in the database and reads them, for callers that do not wait: each by one statement, but groups.

Waiting, waking and what is kept in memory of queues are in `leases`.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.store.interface import SYSTEM, Counts, Item, Lease, QueuedItem, QueueName, StoreUnavailable
from nightbus.store.postgres import lease_statements as statements
from nightbus.store.postgres.late_changes import LateChange
from nightbus.store.postgres.leased_groups import GroupCursors, NewLease, take_groups, take_one_of_group
from nightbus.store.postgres.retries import repeated
from nightbus.store.postgres.texts import original, stored
from nightbus.store.scopes import NameKey

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
_FIRST = (-(2**63), -1)
_LAST = (2**63 - 1, 2**63 - 1)


class Numbers(Protocol):
    """Finds the numbers of queues that have one."""

    async def find(
        self, reader: asyncpg.Pool | asyncpg.Connection, scope: Scope, kind: str, name: str
    ) -> int | None: ...

    async def find_all(
        self, reader: asyncpg.Pool | asyncpg.Connection, keys: Collection[NameKey]
    ) -> dict[NameKey, int]: ...


class ItemRows:
    """Over a pool of connections. `holder` is the number of this node, noted in what it leases of its own queues.
    `lost` is told the queue and the token of a lease that may have been made, though its answer did not come, `late` of
    a change of a lease of the node's own work that the database did not make."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock, numbers: Numbers, holder: Callable[[], int]) -> None:
        self._pool = pool
        self._clock = clock
        self._numbers = numbers
        self._holder = holder
        self.lost: Callable[[int, int], None] = lambda queue, token: None
        self.late: Callable[[LateChange], None] = lambda change: None
        self.cursors = GroupCursors()

    async def number(self, name: QueueName) -> int | None:
        return await repeated(lambda: self._numbers.find(self._pool, name.scope, "queue", name.queue))

    async def known(self, names: Collection[QueueName]) -> list[QueueName]:
        """Those of the queues that have a number."""
        keys: list[NameKey] = [(name.scope, "queue", name.queue) for name in names]
        numbers = await repeated(lambda: self._numbers.find_all(self._pool, keys))
        return [QueueName(scope, queue) for scope, _, queue in numbers]

    async def take(self, name: QueueName, limit: int, lease_ms: int, by_group: bool) -> list[Item]:
        """At most `limit` items that are due and free."""
        number = await self.number(name)
        if number is None or limit <= 0:
            return []
        lease = self._new_lease(name, lease_ms)
        if by_group:
            with self._told_when_lost(number, lease):
                rows = await self._on_one(take_groups, self.cursors, number, lease, limit)
            return _items(name, rows, in_order=True)
        return _items(name, await self._lease(statements.TAKE, number, lease, limit))

    async def take_one(self, name: QueueName, item: int, lease_ms: int, group: str | None) -> Item | None:
        """This item, if it is due and free. `group`: of a queue that is leased by group."""
        number = await self.number(name)
        if number is None:
            return None
        lease = self._new_lease(name, lease_ms)
        if group is None:
            rows = await self._lease(statements.TAKE_ONE, number, lease, item)
        else:
            with self._told_when_lost(number, lease):
                rows = await self._on_one(take_one_of_group, number, lease, item, stored(group))
        return next(iter(_items(name, rows)), None)

    async def take_again(self, name: QueueName, item: int, token: int, lease_ms: int) -> Item | None:
        """By a new lease in place of that of `token`, if it stands."""
        number = await self.number(name)
        if number is None:
            return None
        lease = self._new_lease(name, lease_ms)
        rows = await self._lease(statements.TAKE_AGAIN, number, lease, item, token)
        return next(iter(_items(name, rows)), None)

    async def change(
        self, name: QueueName, item: int, ends: int, token: int | None, *, renewed: bool
    ) -> bool:
        number = await self.number(name)
        if number is None:
            return False
        holder = self._holder() if renewed and name.scope == SYSTEM else None
        try:
            return bool(await self._fetch(statements.CHANGE, number, item, ends, token, holder))
        except StoreUnavailable:
            if name.scope == SYSTEM and token is not None and not renewed:
                self.late(LateChange(number, item, ends, token))
            raise

    async def extend(self, by_ms: int) -> None:
        """The leases of what this node works on, of its own queues, end so much later."""
        await self._fetch(statements.EXTEND, self._holder(), by_ms)

    async def end_all(self) -> set[int]:
        """End the leases of what this node works on, of its own queues: it is offered again. Returns their numbers."""
        return {row["queue"] for row in await self._fetch(statements.END_ALL, self._holder())}

    async def undo(self, name: QueueName, items: Sequence[Item]) -> None:
        """As if they had not been leased, where nobody else has them."""
        ids, tokens = [item.id for item in items], [item.token for item in items]
        await self._rows(name, statements.UNDO, ids, tokens)

    async def next_ready(self, name: QueueName) -> int | None:
        """When after now (UTC ms) an item may be offered."""
        rows = await self._rows(name, statements.NEXT_READY, self._clock.now_ms())
        return rows[0][0] if rows else None

    async def first_ready(self, numbers: Collection[int]) -> dict[int, int]:
        """Since when (UTC ms), or from when on, the first item of each queue may be offered."""
        rows = await self._fetch(statements.FIRST_READY, list(numbers))
        return {number: ready for number, ready in rows if ready is not None}

    async def newest_lease(self, name: QueueName, item: int) -> Lease | None:
        """See `Store.newest_lease`."""
        rows = await self._rows(name, statements.NEWEST, item)
        return Lease(*rows[0]) if rows else None

    async def peek(
        self,
        name: QueueName,
        limit: int,
        *,
        beyond: tuple[int, int] | None = None,
        backwards: bool = False,
        items: Collection[int] | None = None,
    ) -> list[QueuedItem]:
        """See `Store.peek`."""
        sides = {"beyond": "<" if backwards else ">", "order": "DESC" if backwards else "ASC"}
        begin = beyond or (_LAST if backwards else _FIRST)
        arguments = (self._clock.now_ms(), *begin, limit)
        if items is None:
            rows = await self._rows(name, statements.PEEK.format(**sides), *arguments)
        else:
            rows = await self._rows(name, statements.PEEK_ITEMS.format(**sides), *arguments, list(items))
        return [QueuedItem(*row)._replace(group=original(row["grp"])) for row in rows]

    async def count(self, name: QueueName) -> Counts:
        """See `Store.count`."""
        rows = await self._rows(name, statements.COUNT, self._clock.now_ms())
        if not rows:
            return Counts(0, 0, 0)
        free, leased, later = rows[0]
        return Counts(free, leased, max(0, later - leased))

    async def count_untaken(self, name: QueueName, most: int) -> int:
        """How many items are due and were never leased, at most `most`."""
        rows = await self._rows(name, statements.UNTAKEN, self._clock.now_ms(), most)
        return rows[0][0] if rows else 0

    async def count_leased(self, name: QueueName, most: int) -> int:
        """See `Store.leased`."""
        rows = await self._rows(name, statements.LEASED, self._clock.now_ms(), most)
        return rows[0][0] if rows else 0

    async def oldest_due(self, name: QueueName) -> int | None:
        """See `Store.oldest_due`."""
        rows = await self._rows(name, statements.OLDEST_DUE, self._clock.now_ms())
        return rows[0][0] if rows else None

    def _new_lease(self, name: QueueName, lease_ms: int) -> NewLease:
        now = self._clock.now_ms()
        holder = self._holder() if name.scope == SYSTEM else None
        return NewLease(now, now + lease_ms, secrets.randbits(62), holder)

    async def _lease(
        self, statement: str, queue: int, lease: NewLease, *arguments: object
    ) -> list[asyncpg.Record]:
        with self._told_when_lost(queue, lease):
            return await self._fetch(statement, queue, *lease, *arguments)

    @contextlib.contextmanager
    def _told_when_lost(self, queue: int, lease: NewLease) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            self.lost(queue, lease.token)
            raise

    async def _rows(self, name: QueueName, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """None for a queue that is not there."""
        number = await self.number(name)
        return [] if number is None else await self._fetch(statement, number, *arguments)

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        return await repeated(lambda: self._pool.fetch(statement, *arguments))

    async def _on_one(self, work: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """`work` on one connection, for a transaction."""

        async def once() -> T:
            async with self._pool.acquire() as connection:
                return await work(connection, *arguments)

        return await repeated(once)


def _items(name: QueueName, rows: Sequence[asyncpg.Record], in_order: bool = False) -> list[Item]:
    items = [Item(row[0], row[1], row[2], row[3], name, row[4], row[5]) for row in rows]
    return items if in_order else sorted(items, key=_by_due)


def _by_due(item: Item) -> tuple[int, int]:
    return item.due, item.id
