"""Tells a node's listeners what the commits of all nodes touched, in the order of the commits.

Records: each commit that touches some takes the next number of the one row of `feed`, which it holds until its end, and
leaves a row in `change`. So the numbers have no gaps and are in the order of the commits, and a node that has told
number n reads what is after n. A notification says only that there is something to read; one that is lost is made up
for by a look each second. Where rows are gone already, where the numbers went back (a standby that had not got
everything took over), and after each loss of the connection, listeners hear that everything may have changed.

A commit of this node is told by its writer, before its callers are answered, and after all that has lower numbers.

Queues and logs have no numbers: the commit of each event would wait for that row. They go by `wake_ups`, which takes a
number only where the database has no notifications.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.feed import Feed
from nightbus.store.interface import Change, DeleteRecord, PutRecord, RecordName, Touched
from nightbus.store.postgres.link import Link, LinkLost, channel
from nightbus.store.postgres.retries import until_it_wins
from nightbus.store.postgres.wake_ups import WakeUps
from nightbus.store.postgres.work import NOTHING, Work
from nightbus.store.scopes import scope_of

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.connections import Database

log = logging.getLogger("nightbus.store")
LOOK_SECONDS = 1.0
POLL_SECONDS = 0.02  # where the database has no notifications
KEPT_CHANGES = 10_000
_MOST_READ = 1_000
_TRIM_SECONDS = 60.0
_NO_LIMIT = 2**63 - 1
_FORGET = "DELETE FROM change WHERE seq <= $1"

_NOTE = """
WITH next AS (UPDATE feed SET seq = seq + 1 RETURNING seq),
     kept AS (INSERT INTO change (seq, at, node, names)
              SELECT seq, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $1::bigint, $2 FROM next
              RETURNING seq)
SELECT seq FROM kept
"""
_DELETE_KINDS = "DELETE FROM record WHERE kind = ANY($1::text[]) RETURNING scope, kind, key"
_NOTE_AND_NOTIFY = _NOTE.replace(
    "SELECT seq FROM", "SELECT seq, pg_notify($3, seq::text || ' ' || $1::text) FROM"
)
# One snapshot: where nothing is to be read there is one row, with the newest number.
_READ = """
SELECT feed.seq AS newest, change.seq, change.names FROM feed
LEFT JOIN change ON change.seq > $1 AND change.seq < $2 ORDER BY change.seq LIMIT $3
"""


class Changes:
    """`node` is this node's number, 0 until it has one. `on_work` is told the numbers of queues in which other nodes
    offered something, None for all queues; by default nobody."""

    def __init__(self, link: Link, database: Database) -> None:
        self.node = 0
        self.on_work: Callable[[Collection[int] | None], None] = lambda queues: None
        self._link = link
        self._polls = database.polls
        self._channel = channel(database, "changes")
        self._feed = Feed()
        self._told = 0  # the number of the newest commit that the listeners heard of
        self._hinted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._wake_ups = WakeUps(link, database, self._feed, self._queues_offered, self._note_message)
        self.watch: Callable[..., Callable[[], None]] = self._feed.watch

    async def open(self) -> None:
        """To be called once, before anything is read that a listener keeps: opens the link, too.

        Raises asyncpg.PostgresError, OSError, TimeoutError.
        """
        self._link.on_connect(self._begin)
        self._link.on_connect(self._wake_ups.begin)
        await self._link.open()
        self._tasks = [
            asyncio.create_task(self._follow(), name="changes of other nodes"),
            asyncio.create_task(self._trim(), name="old changes"),
        ]

    async def note(self, connection: asyncpg.Connection, names: Collection[RecordName]) -> int:
        """Within a transaction, as its last statement: note that it touches these records. Returns its number.

        No other transaction that touches a record ends before this one does.
        """
        return await self._note(
            connection, orjson.dumps([[*name.scope, name.kind, name.key] for name in names])
        )

    async def _note(self, connection: asyncpg.Connection, packed: bytes) -> int:
        if self._polls:
            return int(await connection.fetchval(_NOTE, self.node, packed))
        return int(await connection.fetchval(_NOTE_AND_NOTIFY, self.node, packed, self._channel))

    async def committed(
        self, batches: Sequence[Sequence[Change]], seq: int | None = None, work: Work = NOTHING
    ) -> None:
        """Tell this node's listeners of a transaction that is durable, and other nodes of its `work`.

        `batches` are the commits in it, in their order; `seq` is what `note` returned, None where no record was
        touched. Returns when the listeners have heard of all that came before, too.
        """
        if seq is not None and seq > self._told + 1:
            await self._catch_up_before(seq)
        is_news = seq is not None and seq > self._told
        for changes in batches:
            if not is_news:  # touches no record, or what was read from the table said which
                changes = [change for change in changes if not isinstance(change, PutRecord | DeleteRecord)]
            self._feed.committed(changes, collected=not is_news)
        if seq is not None and is_news:
            self._told = seq
        if work:
            self._wake_ups.add(work)

    def everything_may_have_changed(self) -> None:
        """Tell all listeners so, and whoever waits for an item: of a commit it is not known whether it was written."""
        self._feed.everything_may_have_changed()
        self.on_work(None)

    def tell_others(self, work: Work) -> None:
        """Of what no commit of this node says: leases that ended early."""
        self._wake_ups.add(work)

    def others_live(self, others: bool) -> None:
        """Whether there are other nodes to be told of work; True until it is said."""
        self._wake_ups.others = others

    def in_memory(self) -> dict[str, int]:
        return {**self._feed.in_memory(), **self._wake_ups.in_memory()}

    async def close(self) -> None:
        """Closes the link, too."""
        await self._wake_ups.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._link.close()

    async def _begin(self, connection: asyncpg.Connection) -> None:
        if not self._polls:
            await connection.add_listener(self._channel, self._heard)
        is_first = not self._tasks
        self._told = int(await connection.fetchval("SELECT seq FROM feed"))
        if not is_first:
            self.everything_may_have_changed()

    def _heard(self, connection: object, pid: int, on: str, text: object) -> None:
        seq, _, node = str(text).partition(" ")
        if node != str(self.node) and (not seq.isdecimal() or int(seq) > self._told):
            self._hinted.set()

    async def _follow(self) -> None:
        pause = POLL_SECONDS if self._polls else LOOK_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hinted.wait()
            self._hinted.clear()
            try:
                await self._read_changes()
            except LinkLost:
                await asyncio.sleep(POLL_SECONDS)  # the link makes itself anew, and says so to `_begin`
            except Exception:
                log.exception("the changes of other nodes cannot be read now")
                self.everything_may_have_changed()
                await asyncio.sleep(LOOK_SECONDS)

    async def _catch_up_before(self, seq: int) -> None:
        try:
            while self._told < seq - 1:
                before = self._told
                await self._read_changes(seq)
                if self._told == before:
                    raise LookupError(f"change {before + 1} is missing")
        except Exception as failure:
            log.warning("everything is read anew: what other nodes changed is not known: %s", failure)
            self._told = max(self._told, seq)
            self.everything_may_have_changed()

    async def _read_changes(self, before: int = _NO_LIMIT) -> None:
        """Tell what has lower numbers than `before`."""
        async with self._link.using() as connection:
            after = self._told
            if after >= before - 1:
                return
            rows = await until_it_wins(lambda: connection.fetch(_READ, after, before, _MOST_READ + 1))
        newest = int(rows[0]["newest"])
        if newest < after:  # older than what was told: the database lost commits
            self._told = newest
            self.everything_may_have_changed()
        elif len(rows) > _MOST_READ:
            self._told = max(self._told, min(newest, before - 1))
            self.everything_may_have_changed()
        else:
            self._tell((row["seq"], row["names"]) for row in rows if row["seq"] is not None)
            if self._told < min(newest, before - 1):
                self._told = min(newest, before - 1)
                self.everything_may_have_changed()

    def _tell(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Tell rows in their order, as far as there is no gap."""
        for seq, names in rows:
            if seq <= self._told:  # a commit of this node, which was told while the rows were read
                continue
            if seq != self._told + 1:
                return
            self._told = seq
            read = orjson.loads(names)
            if isinstance(read, str):
                self._wake_ups.heard(read)
            else:
                self._feed.tell(Touched(tuple(map(_record_name, read))))

    async def _note_message(self, connection: asyncpg.Connection, message: str) -> None:
        await self._note(connection, orjson.dumps(message))

    def _queues_offered(self, queues: Collection[int] | None) -> None:
        self.on_work(queues)

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_SECONDS)
            with contextlib.suppress(LinkLost):
                async with self._link.using() as connection:
                    await until_it_wins(partial(connection.execute, _FORGET, self._told - KEPT_CHANGES))


async def delete_kinds(connection: asyncpg.Connection, database: Database, kinds: Sequence[str]) -> None:
    """From beside the nodes, as the last statements of a transaction: delete all records of these kinds.

    All nodes hear of it, as of each other's commits.
    """
    rows = await connection.fetch(_DELETE_KINDS, list(kinds))
    if rows:
        names = [[*scope_of(row["scope"]), row["kind"], row["key"].decode()] for row in rows]
        packed = orjson.dumps(names)
        if database.polls:
            await connection.execute(_NOTE, 0, packed)
        else:
            await connection.execute(_NOTE_AND_NOTIFY, 0, packed, channel(database, "changes"))


def _record_name(parts: Sequence[str]) -> RecordName:
    account, region, kind, key = parts
    return RecordName(Scope(account, region), kind, key)
