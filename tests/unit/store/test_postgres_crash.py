"""The database server dies under load: what was acknowledged is kept, nothing is halved, nothing is written twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import Append, Change, Enqueue, PutRecord, StoreUnavailable
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from postgres_server import PostgresServer, postgres_server, start_server

HERE = Scope("111111111111", "eu-west-1")
_CRASHES = 3
_COMMITS_BETWEEN = 60


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    postgres_server()  # skips where there is none
    started = start_server(fsync="on", shared_buffers="16MB")
    yield started
    started.stop()


class Clients:
    """Each commit has a number. `kept` were acknowledged, of `unknown` it was said that nobody knows."""

    def __init__(self, stores: list[PostgresStore]) -> None:
        self._stores = stores
        self.kept: set[int] = set()
        self.unknown: set[int] = set()
        self._next = 0
        self._ended = False
        self._tasks = [asyncio.create_task(self._work(n)) for n in range(8)]

    async def _work(self, client: int) -> None:
        while not self._ended:
            self._next += 1
            number = self._next
            changes: list[Change] = [
                Append(HERE, "log", number, b"x" * 200),
                Enqueue(HERE, "q", str(number).encode(), 0),
            ]
            if client % 4 == 0:  # by a transaction of several statements
                changes.append(PutRecord(HERE, "k", str(number), {}))
            try:
                await self._stores[client % 2].commit(*changes)
                self.kept.add(number)
            except StoreUnavailable:
                self.unknown.add(number)

    async def until_kept(self, more: int) -> None:
        wanted = len(self.kept) + more
        async with asyncio.timeout(120):
            while len(self.kept) < wanted:
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        self._ended = True
        await asyncio.gather(*self._tasks)


async def _crash(server: PostgresServer) -> None:
    """Kill the process that serves a writer. The server ends all others, recovers from its log, and goes on."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'nightbus writer' LIMIT 1"
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(await asyncio.to_thread(server.execute, query)), signal.SIGKILL)


async def test_what_was_acknowledged_outlives_crashes_of_the_server(server: PostgresServer) -> None:
    if os.getuid() not in (0, (server.folder / "data").stat().st_uid):
        pytest.skip("the server is another user's")
    database = Database(server.url())
    stores = [await PostgresStore.open(database, SystemClock()) for _ in range(2)]
    clients = Clients(stores)
    try:
        for _ in range(_CRASHES):
            await clients.until_kept(_COMMITS_BETWEEN)
            await _crash(server)
        await clients.until_kept(_COMMITS_BETWEEN)
        await clients.end()
        entries = await stores[0].read(HERE, "log", limit=100_000)
        items = await stores[0].peek(HERE, "q", 100_000)
    finally:
        for store in stores:
            await store.close()
    written = Counter(entry.time for entry in entries)
    assert Counter(int(item.data) for item in items) == written
    assert set(written.values()) == {1}
    assert clients.kept <= set(written) <= clients.kept | clients.unknown
    offsets = [entry.offset for entry in entries]
    assert offsets == sorted(set(offsets))
