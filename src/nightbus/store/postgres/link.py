"""Keeps the one connection by which a node hears of the others: it listens, polls, and sends heartbeats.

Its statements are short and time out soon, so that a cable that was cut is noticed. What else the node asks the
database goes by other connections: a heartbeat must not wait for a slow read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.failures import is_lack_of_room

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
STATEMENT_SECONDS = 3.0
_FIRST_PAUSE = 0.05  # seconds before the second attempt to connect; twice as many after each further one
_LONGEST_PAUSE = 1.0


class LinkLost(Exception):
    """There is no connection at the moment, it was lost meanwhile, or the server has no room for what goes by it. It is
    made again by itself."""


class Link:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection | None = None
        self._using = asyncio.Lock()
        self._lost = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._prepare: list[Callable[[asyncpg.Connection], Awaitable[None]]] = []

    def on_connect(self, prepare: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        """Await `prepare` with each connection that is made from now on, before anybody else uses it."""
        self._prepare.append(prepare)

    async def open(self) -> None:
        """Raises asyncpg.PostgresError, OSError, TimeoutError when there is no first connection."""
        await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="the connection between nodes")

    @contextlib.asynccontextmanager
    async def using(self) -> AsyncIterator[asyncpg.Connection]:
        """The connection, for one after the other. Raises LinkLost, also in place of what the loss makes a statement
        raise."""
        import asyncpg

        async with self._using:
            connection = self._connection
            if connection is None or connection.is_closed():
                raise LinkLost
            try:
                yield connection
            except _broken() as failure:
                self._drop(connection)
                raise LinkLost from failure
            except asyncpg.PostgresError as failure:
                if connection.is_closed() or isinstance(failure, _goes_away()):
                    self._drop(connection)
                    raise LinkLost from failure
                if is_lack_of_room(failure):
                    raise LinkLost from failure
                raise

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except Exception:  # it is gone in any case
                connection.terminate()

    def _drop(self, connection: asyncpg.Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._lost.set()
        connection.terminate()

    async def _keep(self) -> None:
        while True:
            await self._lost.wait()
            log.warning(
                "the connection to %s by which nodes hear of each other is lost", self._database.shown
            )
            await self._connect_again()
            log.warning("the connection by which nodes hear of each other is back")

    async def _connect_again(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._connect()
            except Exception as failure:
                log.debug("no connection to %s yet: %s", self._database.shown, type(failure).__name__)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _connect(self) -> None:
        self._lost.clear()
        async with self._using:
            async with asyncio.timeout(2 * STATEMENT_SECONDS):
                connection = await self._database.connect(
                    name="nightbus link", statement_seconds=STATEMENT_SECONDS, though_silent=True
                )
            try:
                # Nothing that goes by this connection has to outlast a crash of the database.
                await connection.execute("SET synchronous_commit = off")
                for prepare in self._prepare:
                    await prepare(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
            connection.add_termination_listener(self._ended)

    def _ended(self, connection: object) -> None:
        if self._connection is connection:
            self._connection = None
            self._lost.set()


def _broken() -> tuple[type[Exception], ...]:
    """What the driver raises on a connection that is lost; InternalClientError where the server's farewell came between
    two statements, and was read by nobody."""
    import asyncpg

    return (
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.PostgresConnectionError,
    )


def _goes_away() -> tuple[type[Exception], ...]:
    """What a server says to a connection that it ends."""
    import asyncpg

    return (
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.CannotConnectNowError,
        asyncpg.DatabaseDroppedError,
        asyncpg.IdleInTransactionSessionTimeoutError,
        asyncpg.ReadOnlySQLTransactionError,  # a primary that has become a standby
    )


def channel(database: Database, what: str) -> str:
    """The name by which the nodes of a schema listen. Of two schemas whose long names begin alike it is the same one:
    a hint too many does no harm."""
    return f"nightbus_{database.schema[:40]}_{what}"
