"""Keeps the four primitives in one PostgreSQL database, which any number of nodes share.

Everything runs on the node's event loop. Reads go through a pool; commits through the writer's one connection; leases
through a pool of their own, whose transactions do not wait for the disk; what other nodes did comes in over the link.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import functools
import logging
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, BinaryIO

from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.counters import CommitCounts
from nightbus.store.interface import (
    Blob,
    Change,
    Counts,
    Entry,
    Item,
    Lease,
    Listener,
    QueuedItem,
    QueueName,
    Record,
)
from nightbus.store.postgres import log_reads, reads
from nightbus.store.postgres.account_contents import contents_of_account
from nightbus.store.postgres.batches import Group
from nightbus.store.postgres.blob_homes.places import BlobPlaces
from nightbus.store.postgres.blobs import Blobs
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.feed import Changes
from nightbus.store.postgres.leases import QueueLeases
from nightbus.store.postgres.link import Link
from nightbus.store.postgres.names import Names
from nightbus.store.postgres.nodes import Nodes, Presence
from nightbus.store.postgres.patient_reads import PatientReader
from nightbus.store.postgres.rates import Rates
from nightbus.store.postgres.schema import NewerSchema, prepare
from nightbus.store.postgres.slots import Slots
from nightbus.store.postgres.upkeep import delete_unused_now_and_then
from nightbus.store.postgres.work import Work
from nightbus.store.postgres.writer import Writer
from nightbus.store.ranges import Range

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_CLOSING_SECONDS = 4.0
__all__ = ["NewerSchema", "PostgresStore"]


class PostgresStore:
    """Implements `nightbus.store.interface.Store`. Made by `open`."""

    def __init__(
        self,
        database: Database,
        pool: asyncpg.Pool,
        names: Names,
        changes: Changes,
        queues: QueueLeases,
        nodes: Nodes,
        blobs: Blobs,
        slots: Slots,
        rates: Rates,
    ) -> None:
        """`slots` and `rates` are those of this node of limits that hold over all nodes."""
        self.database = database
        self.slots = slots
        self.rates = rates
        self.nodes = nodes
        self._pool = pool
        self._reader = PatientReader(pool)
        self._blobs = blobs
        self._names = names
        self._changes = changes
        self._queues = queues
        self._writer: Writer
        self._upkeep: list[asyncio.Task[None]] = []
        self._closed = False

    @classmethod
    async def open(
        cls,
        database: Database,
        clock: Clock,
        counts: CommitCounts | None = None,
        presence: Presence | None = None,
        blobs: BlobPlaces | None = None,
    ) -> PostgresStore:
        """Make or bring up to date the schema, and connect. `counts` takes the numbers of this node's commits;
        `presence` is what it says of itself; `blobs` says where they lie, by default in the database, without copies on
        this machine. A ClusterClock is set to the database's time.

        Raises NewerSchema, OtherFolder, asyncpg.PostgresError, OSError, TimeoutError.
        """
        connection = await database.connect(name="nightbus schema")
        try:
            await prepare(connection, database.schema)
        finally:
            await connection.close()
        async with contextlib.AsyncExitStack() as undo:
            link = Link(database)
            names, changes = Names(), Changes(link, database)
            pool = await database.pool(name="nightbus reads")
            undo.push_async_callback(pool.close)
            undo.push_async_callback(changes.close)
            await changes.open()
            link.on_connect(_forgetting(names))
            queues = await QueueLeases.open(
                database,
                clock,
                names,
                lambda: changes.node,
                lambda queue: changes.tell_others(Work(frozenset({queue}))),
            )
            undo.push_async_callback(queues.close)
            changes.on_work = queues.wake
            nodes = Nodes(link, changes, database, clock, presence or Presence())
            slots = Slots(pool, lambda: changes.node, nodes.is_known)
            undo.push_async_callback(slots.close)
            rates = Rates(pool)
            nodes.declared_dead = functools.partial(_forget_held, queues, slots)
            await nodes.open()
            undo.push_async_callback(nodes.close)
            kept_blobs = await Blobs.at(blobs or BlobPlaces(), pool)
            await kept_blobs.open()
            undo.push_async_callback(kept_blobs.close)
            store = cls(database, pool, names, changes, queues, nodes, kept_blobs, slots, rates)
            store._writer = Writer(database, names, changes.note, store._tell, counts or CommitCounts())
            await store._writer.open()
            store._upkeep = [
                asyncio.create_task(delete_unused_now_and_then(pool), name="what is not used any more"),
                asyncio.create_task(database.look_for_newer_primary(), name="look for a newer primary"),
            ]
            undo.pop_all()
            return store

    def announce(self, port: int) -> None:
        """Note where this node listens, for the others."""
        self.nodes.announce(port)

    def watch(
        self, listener: Listener, kinds: Collection[str] = (), *, queues: bool = False, logs: bool = False
    ) -> Callable[[], None]:
        return self._changes.watch(listener, kinds, queues=queues, logs=logs)

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        """Also raises KeyError for a KeepBlob of bytes that are not there, StoreClosed, and what the database says
        against a value that it cannot keep."""
        if changes:
            await self._writer.submit(changes, patience)

    async def _tell(self, group: Group) -> bool:
        """Before the callers of the group's commits go on. Whether it woke who waits for an item."""
        if group.is_unknown:
            self._changes.everything_may_have_changed()
            return False
        waiting = self._queues.waiting
        for batch in group.written:
            self._queues.committed(batch.changes)
            self._blobs.committed(batch.changes)
        await self._changes.committed([batch.changes for batch in group.written], group.seq, group.work)
        return waiting > 0 and bool(group.work.offered)

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        return await reads.get(self._reader, scope, kind, key)

    async def list(
        self, scope: Scope, kind: str, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        return await reads.records(self._reader, scope, kind, prefix, after, limit)

    async def count_records(self, scope: Scope, kind: str) -> int:
        return await reads.count_records(self._reader, scope, kind)

    async def scopes(self, kind: str) -> builtins.list[Scope]:
        return await reads.scopes(self._reader, kind)

    async def read(
        self,
        scope: Scope,
        logs: str | Sequence[str],
        *,
        after: int = 0,
        since: int | None = None,
        until: int | None = None,
        key: str | None = None,
        limit: int = 1000,
        backwards: bool = False,
    ) -> builtins.list[Entry]:
        selection = Range(after, since, until, key, limit, backwards)
        if isinstance(logs, str):
            return await log_reads.entries(self._reader, scope, logs, selection)
        return await log_reads.merged_entries(self._reader, scope, logs, selection)

    async def log_sizes(self, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
        return await log_reads.log_sizes(self._reader, scope, log, step_ms)

    async def logs(self, scope: Scope, prefix: str = "") -> builtins.list[str]:
        return await log_reads.logs(self._reader, scope, prefix)

    async def log_scopes(self) -> builtins.list[Scope]:
        return await reads.log_scopes(self._reader)

    async def lease(
        self, scope: Scope, queue: str, limit: int, lease_ms: int, wait: float = 0.0, by_group: bool = False
    ) -> builtins.list[Item]:
        return await self._queues.lease(QueueName(scope, queue), limit, lease_ms, wait, by_group)

    async def lease_one(
        self, scope: Scope, queue: str, item: int, lease_ms: int, group: str | None = None
    ) -> Item | None:
        return await self._queues.lease_one(QueueName(scope, queue), item, lease_ms, group)

    async def peek(
        self,
        scope: Scope,
        queue: str,
        limit: int,
        *,
        beyond: tuple[int, int] | None = None,
        backwards: bool = False,
        items: Collection[int] | None = None,
    ) -> builtins.list[QueuedItem]:
        name = QueueName(scope, queue)
        return await self._queues.items.peek(name, limit, beyond=beyond, backwards=backwards, items=items)

    async def lease_again(
        self, scope: Scope, queue: str, item: int, token: int, lease_ms: int, data: bytes | None = None
    ) -> Item | None:
        return await self._queues.lease_again(QueueName(scope, queue), item, token, lease_ms)

    async def change_lease(
        self,
        scope: Scope,
        queue: str,
        item: int,
        ends: int,
        token: int | None = None,
        *,
        renewed: bool = False,
    ) -> bool:
        return await self._queues.change_lease(QueueName(scope, queue), item, ends, token, renewed=renewed)

    async def newest_lease(self, scope: Scope, queue: str, item: int) -> Lease | None:
        return await self._queues.items.newest_lease(QueueName(scope, queue), item)

    async def count(self, scope: Scope, queue: str) -> Counts:
        return await self._queues.items.count(QueueName(scope, queue))

    async def leased(self, scope: Scope, queue: str, most: int) -> int:
        return await self._queues.items.count_leased(QueueName(scope, queue), most)

    async def oldest_due(self, scope: Scope, queue: str) -> int | None:
        return await self._queues.items.oldest_due(QueueName(scope, queue))

    def untaken(self, scope: Scope, queue: str) -> int:
        return self._queues.untaken(QueueName(scope, queue))

    def under_way(self) -> dict[str, int]:
        """How many commits wait for the disk, and of each of the node's own queues how many items this node works
        on. Without the duties, which last as long as the node runs."""
        counts = {"commits": self._writer.under_way, **self._queues.under_way()}
        return {name: count for name, count in counts.items() if count}

    def next_time(self) -> int | None:
        """When (UTC ms), in the future, an item is due in a queue that somebody waits for."""
        return self._queues.next_time()

    def jumped(self, by_ms: int) -> None:
        """To be called when the clock went forward by `by_ms` at once, as only a test's does."""
        self._queues.jumped(by_ms)

    async def forget_account(self, account: str) -> None:
        """Delete everything that is kept of an account, and the nodes' work for it, in one commit.

        The work is found by the account's id in it, which is a random one; so this is for tests.
        """
        await self.commit(*await contents_of_account(self._pool, account))

    async def put_blob(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        return await self._blobs.put(data)

    async def open_blob(self, digest: str) -> BinaryIO:
        return await self._blobs.open_blob(digest)

    async def rows(self) -> dict[str, int]:
        return await reads.rows(self._reader)

    async def table_sizes(self) -> dict[str, int]:
        """The bytes of each table on the server's disk, with its indexes."""
        return await reads.table_sizes(self._reader)

    def in_memory(self) -> dict[str, int]:
        return {
            **self._names.in_memory(),
            **self._queues.in_memory(),
            **self._changes.in_memory(),
            **self._blobs.in_memory(),
            **self.rates.in_memory(),
        }

    async def close(self) -> None:
        """Write what waits, leave the other nodes. Takes some seconds at most, also where the database is gone."""
        if self._closed:
            return
        self._closed = True
        for task in self._upkeep:
            task.cancel()
        closing = asyncio.create_task(self._close_in_order(), name="end of the store")
        _, late = await asyncio.wait({closing}, timeout=_CLOSING_SECONDS)
        if late:
            closing.cancel()
            log.warning(
                "the database does not answer: its connections are cut off, and %d commits that waited are not known"
                " to be kept",
                self._writer.under_way,
            )
            self._writer.terminate()
            self._pool.terminate()
        else:
            closing.result()

    async def _close_in_order(self) -> None:
        await self._queues.close()
        await self._writer.close()
        await self.slots.close()
        await self.rates.close()
        await self.nodes.close()
        await self._blobs.close()
        await self._changes.close()
        await self._pool.close()


def _forget_held(queues: QueueLeases, slots: Slots) -> None:
    """The other nodes have taken over what this one held."""
    queues.forget_held()
    slots.forget_held()


def _forgetting(names: Names) -> Callable[[object], Awaitable[None]]:
    async def forget(_: object) -> None:
        names.forget_all()

    return forget
