"""Keeps a limit over all nodes: how many of something may be under way at a time on all of them together.

Each node has a row for each limit (`slot`) with the number that it may have under way. It raises its number in a
transaction that holds the limit's own row (node 0) and counts the rows of the others, so the numbers never exceed the
limit together. Numbers of nodes that are gone do not count: they ended with the node's row in `node`.

A node keeps what it has used within the last moments, and asks nothing while it has enough. What it does not use it
gives back, so whoever finds no slot looks again for as long as that takes before it is refused.

Of a limit of a hundred and more, such as an account's, a node keeps a hundredth for a minute after its last use, so
that what it begins now and then costs no round trip. Where three quarters are taken, it gives that back too.

A node that was taken for dead, and had slots under way, writes them down again even where the others have meanwhile
taken as many as the limit allows. So each node that has slots looks once a second, in one statement for all limits, at
what the others have. It uses none above what they leave, however long it has had it, until all are within the limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightbus.bounded import Seldom
from nightbus.store.interface import StoreUnavailable
from nightbus.store.postgres.retries import patiently

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
KEPT_SECONDS = 0.1  # a slot goes back when it was not used for once to twice as long
_SPARE_KEPT_SECONDS = 60.0
_WAIT_SECONDS = 0.35
_PAUSE_SECONDS = 0.03
_LOOK_SECONDS = 1.0  # at what the others have
_SAID_AGAIN_MS = 60_000

_LOCK = """
INSERT INTO slot (name, node, slots) VALUES ($1, 0, 0) ON CONFLICT (name, node) DO UPDATE SET slots = 0
"""
# $3: at least so many, which are under way; $4: as many are wanted; $5: the limit. No row for a node that is not known.
_TAKE = """
WITH gone AS (DELETE FROM slot WHERE name = $1 AND node <> 0
              AND NOT EXISTS (SELECT 1 FROM node WHERE node.id = slot.node)),
     others AS (SELECT coalesce(sum(slots), 0)::integer AS taken FROM slot
                WHERE name = $1 AND node <> 0 AND node <> $2
                AND EXISTS (SELECT 1 FROM node WHERE node.id = slot.node))
INSERT INTO slot (name, node, slots)
SELECT $1, $2, greatest($3::integer, least($4::integer, $5::integer - taken)) FROM others
WHERE EXISTS (SELECT 1 FROM node WHERE id = $2)
ON CONFLICT (name, node) DO UPDATE SET slots = excluded.slots
RETURNING slots, (SELECT taken FROM others) AS taken
"""
_LOOK = """
SELECT name, coalesce(sum(slots) FILTER (WHERE node <> $2), 0)::integer AS taken FROM slot
WHERE name = ANY($1::text[]) AND node <> 0 AND EXISTS (SELECT 1 FROM node WHERE node.id = slot.node) GROUP BY name
"""
_GIVE_BACK = "UPDATE slot SET slots = $3 WHERE name = $1 AND node = $2 AND slots > $3"
_GIVE_ALL_BACK = "DELETE FROM slot WHERE name = $1 AND node = $2"


@dataclass(slots=True)
class _Limit:
    """`held`: as the database has it, or fewer. `most` is the limit as it was last asked for."""

    held: int = 0
    row: int = 0  # what the database has at most: more than `held` where an answer of it was lost
    used: int = 0
    peak: int = 0  # of `used`, since slots were last given back
    waiting: int = 0
    taken: int = 0  # by the other nodes, when this one asked or looked last
    most: int = 0
    used_at: float = 0.0  # by the loop's clock
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asking: asyncio.Task[None] | None = None
    giving: asyncio.TimerHandle | None = None

    def use_one(self) -> bool:
        if self.used >= min(self.held, self.most - self.taken):
            return False
        self.used += 1
        self.peak = max(self.peak, self.used)
        return True

    @property
    def spare(self) -> int:
        """How many are kept, if they are not used either, for what comes next."""
        is_plenty = self.taken + max(self.used, self.most // 100) <= self.most * 3 // 4
        return self.most // 100 if is_plenty else 0


class Slots:
    """`node` is this node's number. `is_known` says whether the others surely count this node as one that lives."""

    def __init__(self, pool: asyncpg.Pool, node: Callable[[], int], is_known: Callable[[], bool]) -> None:
        self._pool = pool
        self._node = node
        self._is_known = is_known
        self._limits: dict[str, _Limit] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._closed = False
        self._said: Seldom[str] = Seldom(_SAID_AGAIN_MS, 10)

    async def take(self, name: str, most: int) -> bool:
        """One slot of the limit `name`, of which there are `most` on all nodes, until `give_back`; False if all are
        used. Raises StoreUnavailable."""
        limit = self._limits.setdefault(name, _Limit())
        limit.most = most
        clock = asyncio.get_running_loop().time
        limit.used_at = clock()
        if self._is_known() and limit.use_one():
            return True
        deadline = clock() + _WAIT_SECONDS
        limit.waiting += 1
        try:
            while True:
                if limit.asking is None:
                    limit.asking = self._begin(self._ask(name, limit))
                await asyncio.shield(limit.asking)
                if limit.use_one():
                    return True
                if clock() > deadline or (limit.taken == 0 and limit.used >= limit.most):
                    return False
                if limit.taken:  # else it came while the node asked for fewer
                    await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            limit.waiting -= 1
            self._give_back_later(name, limit)

    def give_back(self, name: str) -> None:
        """Once for each `take` that was answered by True."""
        limit = self._limits[name]
        limit.used -= 1
        self._give_back_later(name, limit)

    def forget_held(self) -> None:
        """The others have taken this node for dead: what is under way is counted anew, under its new number."""
        for name, limit in self._limits.items():
            limit.held = limit.row = 0
            if limit.used and limit.asking is None:
                limit.asking = self._begin(self._ask(name, limit))

    async def look(self) -> None:
        """See what the others have of the limits of which this node has slots. Raises StoreUnavailable."""
        names = [name for name, limit in self._limits.items() if limit.held]
        rows = await patiently(lambda: self._pool.fetch(_LOOK, names, self._node())) if names else []
        for row in rows:
            if (limit := self._limits.get(row["name"])) is not None:
                limit.taken = row["taken"]

    async def close(self) -> None:
        """What the node holds ends with its row."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        for limit in self._limits.values():
            if limit.giving is not None:
                limit.giving.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: asyncio._CoroutineLike[None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        """Whoever waits for it raises what it raises; of other failures than a database that is away nobody else says
        what an operator needs."""
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is None or isinstance(failure, StoreUnavailable):
            return
        what = f"{type(failure).__name__}: {failure}"
        if self._said.is_due(what, int(asyncio.get_running_loop().time() * 1000)):
            log.error("slots of limits cannot be taken, or given back, now: %s", what)

    def _look_later(self) -> None:
        if self._looking is None and not self._closed:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(_LOOK_SECONDS, lambda: self._begin(self._look_again()))

    async def _look_again(self) -> None:
        try:
            await self.look()
        except StoreUnavailable:
            log.debug("the slots of the other nodes are not known now")
        finally:
            self._looking = None
            if any(limit.held for limit in self._limits.values()):
                self._look_later()

    async def _ask(self, name: str, limit: _Limit) -> None:
        try:
            async with limit.lock:
                node = 0
                while node != self._node():
                    node = self._node()
                    await self._ask_as(node, name, limit)
        finally:
            limit.asking = None

    async def _ask_as(self, node: int, name: str, limit: _Limit) -> None:
        wanted = min(limit.used + max(limit.waiting, limit.spare), limit.most)
        limit.held = min(limit.held, max(wanted, limit.used))  # nobody uses more while the row has fewer
        limit.row = max(limit.row, wanted, limit.used)
        row = await patiently(lambda: self._raise(name, node, limit.used, wanted, limit.most))
        limit.held, limit.taken = (0, limit.most) if row is None else (row["slots"], row["taken"])
        limit.row = limit.held
        self._look_later()

    async def _raise(self, name: str, node: int, used: int, wanted: int, most: int) -> asyncpg.Record | None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK, name)
            return await connection.fetchrow(_TAKE, name, node, used, wanted, most)

    def _give_back_later(self, name: str, limit: _Limit) -> None:
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        is_spare = limit.held <= max(limit.used, limit.spare)  # then there is no hurry
        due = loop.time() + (_LOOK_SECONDS if is_spare else KEPT_SECONDS)
        if limit.giving is not None and limit.giving.when() > due:
            limit.giving.cancel()
            limit.giving = None
        if limit.giving is None:
            limit.giving = loop.call_at(due, lambda: self._begin(self._give(name, limit)))

    async def _give(self, name: str, limit: _Limit) -> None:
        try:
            async with limit.lock:
                kept = limit.peak
                limit.peak = limit.used
                if asyncio.get_running_loop().time() - limit.used_at < _SPARE_KEPT_SECONDS:
                    kept = max(kept, min(limit.spare, limit.held))
                if kept < limit.row:
                    limit.held = min(limit.held, kept)  # before the statement: nobody takes what goes back
                    await self._write(name, kept)
                    limit.row = kept
        except StoreUnavailable:
            log.debug("slots of %s are given back later", name)
        finally:
            limit.giving = None
            if limit.row > limit.used:
                self._give_back_later(name, limit)
            elif not (limit.row or limit.held or limit.used or limit.waiting or limit.lock.locked()):
                self._limits.pop(name, None)

    async def _write(self, name: str, kept: int) -> None:
        node = self._node()
        if kept:
            await patiently(lambda: self._pool.execute(_GIVE_BACK, name, node, kept))
        else:
            await patiently(lambda: self._pool.execute(_GIVE_ALL_BACK, name, node))
