"""Nodes on one PostgreSQL database, as far as they hear of each other: for tests without a whole store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from nightbus.store.interface import Change, DeleteRecord, PutRecord, RecordName
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.feed import Changes
from nightbus.store.postgres.link import Link
from nightbus.store.postgres.schema import prepare
from nightbus.store.postgres.work import NOTHING, Work
from postgres_server import postgres_server


@asynccontextmanager
async def new_database(*, polls: bool = False) -> AsyncIterator[Database]:
    """A database of the tests' server, with the store's tables."""
    server = postgres_server()
    name = server.make_database()
    database = Database(server.url(name), polls=polls)
    connection = await database.connect()
    try:
        await prepare(connection, database.schema)
    finally:
        await connection.close()
    try:
        yield database
    finally:
        server.drop_database(name)


class HearingNode:
    """Commits the names of records, and hears of the others' commits. `woken` has what `on_work` was told."""

    def __init__(self, database: Database, number: int, writing: asyncpg.Connection) -> None:
        self.link = Link(database)
        self.changes = Changes(self.link, database)
        self.changes.node = number
        self.writing = writing
        self.woken: list[Collection[int] | None] = []
        self.changes.on_work = self.woken.append

    async def commit(self, *changes: Change, work: Work = NOTHING) -> int:
        """As the store's writer does. Returns the commit's number."""
        seq = await self.write(*changes)
        await self.changes.committed([changes], seq, work)
        return seq

    async def write(self, *changes: Change) -> int:
        """Only the transaction."""
        names = [
            RecordName(change.scope, change.kind, change.key)
            for change in changes
            if isinstance(change, PutRecord | DeleteRecord)
        ]
        async with self.writing.transaction():
            return await self.changes.note(self.writing, names)

    async def link_pid(self) -> int:
        async with self.link.using() as connection:
            return connection.get_server_pid()


@asynccontextmanager
async def hearing_nodes(database: Database, count: int = 2) -> AsyncIterator[list[HearingNode]]:
    async with AsyncExitStack() as stack:
        nodes = []
        for number in range(1, count + 1):
            writing = await database.connect()
            stack.push_async_callback(writing.close)
            node = HearingNode(database, number, writing)
            await node.changes.open()
            stack.push_async_callback(node.changes.close)
            nodes.append(node)
        yield nodes


async def until(condition: Callable[[], object], seconds: float = 10.0) -> float:
    """Wait for it; the seconds that it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)
    return time.monotonic() - began
