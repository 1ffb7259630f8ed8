"""Tells other nodes in which queues there is something to lease, and which logs grew; and hears it from them.

After a commit and outside of it: a notification within the transaction would make commits wait for one another. What
comes while one message is on its way goes into the next. A message that is lost costs a second: whoever waits for an
item looks by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from nightbus.bounded import Bounded
from nightbus.store.feed import Feed
from nightbus.store.interface import LogName, QueueName, Touched
from nightbus.store.postgres.link import Link, LinkLost, channel
from nightbus.store.postgres.retries import until_it_wins
from nightbus.store.postgres.work import NOTHING, Work
from nightbus.store.scopes import scope_of

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.connections import Database

log = logging.getLogger("nightbus.store")
PAUSE_SECONDS = 0.004  # between two messages of a node
POLLED_PAUSE_SECONDS = 0.02
_MOST_NAMES = 10_000
_EVERYTHING = "*"
_NAMES = "SELECT id, scope, kind, name FROM name WHERE id = ANY($1::bigint[])"


class WakeUps:
    """`offered` is called with the numbers of queues, None for all. `note` sends a message where nobody can listen;
    then the messages of others come by `heard`."""

    def __init__(
        self,
        link: Link,
        database: Database,
        feed: Feed,
        offered: Callable[[Collection[int] | None], None],
        note: Callable[[asyncpg.Connection, str], Awaitable[None]],
    ) -> None:
        self.others = True
        self._link = link
        self._channel = channel(database, "work")
        self._polls = database.polls
        self._feed = feed
        self._offered = offered
        self._note = note
        self._sender = secrets.token_hex(6)
        self._to_tell = NOTHING
        self._to_look_up = NOTHING
        self._telling: asyncio.Task[None] | None = None
        self._looking_up: asyncio.Task[None] | None = None
        self._names: Bounded[int, QueueName | LogName] = Bounded(_MOST_NAMES)

    async def begin(self, connection: asyncpg.Connection) -> None:
        if not self._polls:
            await connection.add_listener(self._channel, self._notified)

    def add(self, work: Work) -> None:
        """Tell the other nodes, if there are any, soon."""
        if not self.others:
            return
        self._to_tell |= work
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell(), name="wake-ups of other nodes")

    def in_memory(self) -> dict[str, int]:
        return {"names of queues and logs that other nodes touched": len(self._names)}

    async def close(self) -> None:
        """What is to be told still goes, if the link lets it."""
        tasks = [task for task in (self._telling, self._looking_up) if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self) -> None:
        try:
            while self._to_tell:
                work, self._to_tell = self._to_tell, NOTHING
                text = work.text()
                message = f"{self._sender} {_EVERYTHING if text is None else text}"
                with contextlib.suppress(LinkLost):
                    async with self._link.using() as connection:
                        await until_it_wins(partial(self._send, connection, message))
                await asyncio.sleep(POLLED_PAUSE_SECONDS if self._polls else PAUSE_SECONDS)
        finally:
            self._telling = None

    async def _send(self, connection: asyncpg.Connection, message: str) -> None:
        if self._polls:
            await self._note(connection, message)
        else:
            await connection.fetchval("SELECT pg_notify($1, $2)", self._channel, message)

    def _notified(self, connection: object, pid: int, on: str, message: object) -> None:
        self.heard(str(message))

    def heard(self, message: str) -> None:
        """Take a message of any node, also of this one."""
        sender, _, text = message.partition(" ")
        if sender == self._sender:
            return
        try:
            work = None if text == _EVERYTHING else Work.parse(text)
        except ValueError:  # of another release
            work = None
        if work is None:
            self._feed.everything_may_have_changed()
            self._offered(None)
            return
        if work.offered:
            self._offered(work.offered)
        self._tell_names(work)

    def _tell_names(self, work: Work) -> None:
        """Tell the feed's listeners, who know queues and logs by their names."""
        queues = work.offered | work.settled if self._feed.wants_queues else frozenset()
        wanted = Work(queues, frozenset(), work.logs if self._feed.wants_logs else frozenset())
        if not wanted:
            return
        self._to_look_up |= wanted
        if self._looking_up is None:
            self._looking_up = asyncio.create_task(self._look_up(), name="names of what others touched")

    async def _look_up(self) -> None:
        try:
            while self._to_look_up:
                work, self._to_look_up = self._to_look_up, NOTHING
                numbers = work.offered | work.logs
                if missing := [number for number in numbers if number not in self._names]:
                    await self._read_names(missing)
                names = [self._names[number] for number in numbers if number in self._names]
                queues = tuple(name for name in names if isinstance(name, QueueName))
                logs = tuple(name for name in names if isinstance(name, LogName))
                self._feed.tell(Touched((), queues, logs))
        except LinkLost:  # then the listeners hear of it otherwise
            pass
        finally:
            self._looking_up = None

    async def _read_names(self, numbers: Collection[int]) -> None:
        async with self._link.using() as connection:
            rows = await until_it_wins(lambda: connection.fetch(_NAMES, list(numbers)))
        for number, scope, kind, name in rows:
            of = QueueName if kind == "queue" else LogName
            self._names[number] = of(scope_of(scope), name)
