"""Lets the nodes of a database know of each other, and takes over the work of one that is gone.

Each node has a row, with the time of its newest heartbeat by the database's clock. Whoever first sees a heartbeat that
is too old deletes the row and, in the same statement, ends the leases of the node's own work (`holder`): its items are
offered again, and a commit that names their tokens is refused. So a node that was only slow harms nothing. When it sees
that its row is gone it takes a new number, and says so.

Where the database was away all heartbeats are old. So a node judges others only when its own heartbeats arrived for as
long as it takes to be dead.

A server or a network that says nothing more breaks no connection. So a node whose heartbeats were not answered for five
seconds cuts those that it has, and until one is answered only the link connects: what waited is refused, and clients
ask another node. A refusal is an answer, and a node that stood still itself has waited for none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from nightbus import __version__
from nightbus.clock import Clock
from nightbus.store.postgres.clock import ClusterClock
from nightbus.store.postgres.failures import is_lack_of_room
from nightbus.store.postgres.feed import Changes
from nightbus.store.postgres.link import Link, LinkLost, channel
from nightbus.store.postgres.node_work import NodeWork, work_by_node
from nightbus.store.postgres.retries import until_it_wins
from nightbus.store.postgres.schema import VERSION
from nightbus.store.postgres.work import Work

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.connections import Database

log = logging.getLogger("nightbus.store")
BEAT_SECONDS = 1.0
DEAD_SECONDS = 4.0
_SILENT_SECONDS = 5.0  # without an answer to a heartbeat: then nothing that still waits will get one
_LATE_SECONDS = 2.5  # between two heartbeats that arrive: then this node judges nobody for a while
_STEADY_SECONDS = 3.0  # so long; whoever lives has sent a heartbeat by then
_SHORTEST_SECONDS = 0.02
_ORPHANS_EVERY = 10  # heartbeats

_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)"
_REGISTER = f"""
WITH gone AS (DELETE FROM node WHERE home = $5 AND home <> '' RETURNING id)
INSERT INTO node (id, name, url, version, started, heartbeat, home, draining, load, schema)
SELECT nextval('node_ids'), $1, $2, $3, $4, {_NOW}::bigint, $5, $6, $7, {VERSION} RETURNING id
"""  # noqa: S608
# The other rows are as they were before the statement. Without rows, or without `now`, this node's own is gone.
_BEAT = f"""
WITH beat AS (UPDATE node SET heartbeat = {_NOW}::bigint, url = $2, load = $3, name = $4 WHERE id = $1
              RETURNING draining, {_NOW}::double precision AS now)
SELECT node.id, node.heartbeat, beat.now, beat.draining FROM node LEFT JOIN beat ON true
"""  # noqa: S608
_TAKE_OVER = """
WITH dead AS (DELETE FROM node WHERE id = ANY($1::bigint[]) AND heartbeat < $2 RETURNING id, name),
     freed AS (UPDATE item SET ready = due, token = 0, holder = NULL
               WHERE holder IN (SELECT id FROM dead) RETURNING holder, queue)
SELECT (SELECT array_agg(name) FROM dead) AS names, (SELECT array_agg(queue) FROM freed) AS queues
"""
_FREE_ORPHANS = """
UPDATE item SET ready = due, token = 0, holder = NULL
WHERE holder IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = item.holder) RETURNING queue
"""
_LEAVE = """
WITH left_node AS (DELETE FROM node WHERE id = $1 RETURNING id)
UPDATE item SET ready = due, token = 0, holder = NULL WHERE holder = $1 RETURNING queue
"""
_LIST = f"""
SELECT id, name, url, version, started, {_NOW}::bigint - heartbeat AS age, draining, load FROM node ORDER BY id
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node, as all see it. `started` is UTC ms, `heartbeat_age` ms; `load` has figures by name, `work` what it has
    leased."""

    id: int
    name: str
    url: str
    version: str
    started: int
    heartbeat_age: int
    draining: bool
    load: Mapping[str, float]
    work: NodeWork


@dataclass(slots=True)
class Presence:
    """What a node says of itself. `home` is unique to its data folder, which one process has at a time: a node that
    starts again in it ends its former self at once. "" for none. `suffix` ends the name, to tell it from others at the
    same port. `load` is asked at each heartbeat."""

    name: str = field(default_factory=socket.gethostname)
    version: str = __version__
    url: str = ""
    home: str = ""
    load: Callable[[], Mapping[str, float]] = field(default=dict)
    suffix: str = ""


class Nodes:
    """`changes.node` is set to this node's number. `declared_dead` is called when the others took its work over,
    `on_draining` when somebody changes whether it is to drain."""

    def __init__(
        self, link: Link, changes: Changes, database: Database, clock: Clock, presence: Presence
    ) -> None:
        self.presence = presence
        self.draining = False
        self.others = 0
        self.declared_dead: Callable[[], None] = lambda: None
        self.on_draining: Callable[[bool], None] = lambda draining: None
        self._link = link
        self._changes = changes
        self._polls = database.polls
        self._primaries = database.primaries
        self._channel = channel(database, "nodes")
        self._clock = clock
        self._started = 0
        self._beating: asyncio.Task[None] | None = None
        self._cutting: asyncio.Task[None] | None = None
        self._beat_now = asyncio.Event()
        self._last_beat = 0.0
        self._answered = 0.0  # when the server has last said something to a heartbeat
        self._steady_since = 0.0
        self._beats = 0
        self._next_beat = BEAT_SECONDS

    @property
    def id(self) -> int:
        return self._changes.node

    def is_known(self) -> bool:
        """Whether no other node can have taken this one for dead: it was heard of not long ago."""
        return asyncio.get_running_loop().time() - self._last_beat < DEAD_SECONDS - BEAT_SECONDS

    async def open(self) -> None:
        """Take a number. To be called when the link is open. Raises LinkLost."""
        self._started = self._clock.now_ms()
        async with self._link.using() as connection:
            await self._listen(connection)
            await self._register(connection)
            await self._tell_nodes(connection)
        self._link.on_connect(self._listen)
        await self._free_orphans()  # of this node's former self, if it ran in the same folder
        await self._beat()
        self._beating = asyncio.create_task(self._keep_beating(), name="heartbeats")
        self._cutting = asyncio.create_task(self._cut_in_silence(), name="what waits for a silent database")

    def announce(self, port: int) -> None:
        """Say where this node listens, and that in its name: several may run on one machine."""
        if ":" not in self.presence.name:
            self.presence.url = self.presence.url or f"http://{self.presence.name}:{port}"
            self.presence.name = f"{self.presence.name}:{port}{self.presence.suffix}"
        self._beat_now.set()

    async def close(self) -> None:
        """Leave: what this node still works on is offered to the others at once."""
        tasks = [task for task in (self._beating, self._cutting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(LinkLost):
            async with self._link.using() as connection:
                rows = await until_it_wins(lambda: connection.fetch(_LEAVE, self.id))
                await self._tell_nodes(connection)
            self._offered(row["queue"] for row in rows)

    async def everyone(self) -> list[NodeRow]:
        """In the order in which they came. Raises LinkLost."""
        async with self._link.using() as connection:
            rows = await until_it_wins(lambda: connection.fetch(_LIST))
            work = await work_by_node(connection)
        return [
            NodeRow(
                row["id"], row["name"], row["url"], row["version"], row["started"], row["age"], row["draining"],
                _figures(row["load"]), work.get(row["id"], NodeWork()),
            )
            for row in rows
        ]  # fmt: skip

    async def drain(self, node: int, draining: bool = True) -> bool:
        """Ask a node to end its work, or to go on. False where there is no such node. Raises LinkLost."""
        async with self._link.using() as connection:
            found = await until_it_wins(
                lambda: connection.fetchval(
                    "UPDATE node SET draining = $2 WHERE id = $1 RETURNING id", node, draining
                )
            )
            await self._tell_nodes(connection)
        self._beat_now.set()
        return found is not None

    async def _listen(self, connection: asyncpg.Connection) -> None:
        if not self._polls:
            await connection.add_listener(self._channel, self._heard)

    def _heard(self, *_: object) -> None:
        self._beat_now.set()

    async def _tell_nodes(self, connection: asyncpg.Connection) -> None:
        if not self._polls:
            await connection.fetchval("SELECT pg_notify($1, '')", self._channel)

    async def _register(self, connection: asyncpg.Connection) -> None:
        says = self.presence
        register = partial(
            connection.fetchval, _REGISTER, says.name, says.url, says.version, self._started, says.home, self.draining,
            orjson.dumps(dict(says.load())),
        )  # fmt: skip
        self._changes.node = await until_it_wins(register)
        self._steady_since = self._last_beat = asyncio.get_running_loop().time()
        self._note_answer()

    async def _keep_beating(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._next_beat):
                    await self._beat_now.wait()
            self._beat_now.clear()
            self._next_beat = BEAT_SECONDS
            try:
                await self._beat()
            except LinkLost as lost:
                self._next_beat = BEAT_SECONDS / 4
                if lost.__cause__ is not None and is_lack_of_room(lost.__cause__):
                    self._note_answer()
            except Exception:
                self._note_answer()
                log.exception("this node cannot send its heartbeat now")

    async def _cut_in_silence(self) -> None:
        """Cut old connections while heartbeats are not answered: one that was made meanwhile works."""
        now = asyncio.get_running_loop().time
        while True:
            looked = now()
            silent = looked - self._answered
            if silent >= _SILENT_SECONDS:
                self._primaries.is_silent = True
                self._primaries.cut_older(_SILENT_SECONDS)
            pause = max(BEAT_SECONDS / 2, _SILENT_SECONDS - silent)
            await asyncio.sleep(pause)
            if now() - looked - pause > _LATE_SECONDS:  # this process was stopped, or its machine slept
                self._answered = now()

    def _note_answer(self) -> None:
        self._answered = asyncio.get_running_loop().time()
        self._primaries.is_silent = False

    async def _beat(self) -> None:
        async with self._link.using() as connection:
            load = orjson.dumps(dict(self.presence.load()))
            beat = partial(connection.fetch, _BEAT, self.id, self.presence.url, load, self.presence.name)
            sent = self._clock.monotonic()
            rows = await until_it_wins(beat)
            received = self._clock.monotonic()
            if not rows or rows[0]["now"] is None:
                await self._register_anew(connection)
                return
        now: float = rows[0]["now"]
        if isinstance(self._clock, ClusterClock):
            self._clock.measured(now, sent, received)
        self._note_beat()
        self._note_draining(rows[0]["draining"])
        others = {row["id"]: row["heartbeat"] for row in rows if row["id"] != self.id}
        self.others = len(others)
        self._changes.others_live(bool(others))
        await self._look_after(others, now)

    def _note_beat(self) -> None:
        at = asyncio.get_running_loop().time()
        if at - self._last_beat > _LATE_SECONDS:
            self._steady_since = at
        self._last_beat = at
        self._note_answer()
        self._beats += 1

    def _note_draining(self, draining: bool) -> None:
        if draining != self.draining:
            self.draining = draining
            self.on_draining(draining)

    async def _register_anew(self, connection: asyncpg.Connection) -> None:
        away = asyncio.get_running_loop().time() - self._last_beat
        await self._register(connection)
        log.warning(
            "this node was not heard of for %.1f s: the other nodes have taken over what it worked on. It goes on as"
            " node %d; what it finishes of its former work is refused",
            away,
            self.id,
        )
        self.declared_dead()
        self._changes.everything_may_have_changed()
        await self._tell_nodes(connection)

    async def _look_after(self, others: Mapping[int, int], now: float) -> None:
        """Take over from the dead ones among the others, whose newest heartbeats these are; and beat again as soon as
        one is dead unless it is heard of until then."""
        steady = asyncio.get_running_loop().time() - self._steady_since
        oldest = now - DEAD_SECONDS * 1000
        if steady >= _STEADY_SECONDS:
            if dead := [number for number, heartbeat in others.items() if heartbeat < oldest]:
                await self._take_over(dead, int(oldest))
            if self._beats % _ORPHANS_EVERY == 0:
                await self._free_orphans()
        living = [heartbeat - oldest for heartbeat in others.values() if heartbeat >= oldest]
        soonest = min(living, default=DEAD_SECONDS * 1000) / 1000
        self._next_beat = min(BEAT_SECONDS, max(_SHORTEST_SECONDS, soonest + 0.001))

    async def _take_over(self, dead: list[int], heartbeat_before: int) -> None:
        async with self._link.using() as connection:
            (row,) = await until_it_wins(lambda: connection.fetch(_TAKE_OVER, dead, heartbeat_before))
        queues = row["queues"] or []
        for name in row["names"] or []:
            log.warning("node %s is gone: what it worked on (%d items) is offered again", name, len(queues))
        self._offered(queues)

    async def _free_orphans(self) -> None:
        """Leases that a node took after it had been declared dead, and before it knew."""
        async with self._link.using() as connection:
            rows = await until_it_wins(lambda: connection.fetch(_FREE_ORPHANS))
        self._offered(row["queue"] for row in rows)

    def _offered(self, queues: Any) -> None:
        offered = frozenset(queues)
        if offered:
            self._changes.on_work(offered)
            self._changes.tell_others(Work(offered))


def _figures(packed: bytes) -> dict[str, float]:
    found = orjson.loads(packed)
    return found if isinstance(found, dict) else {}
