"""Every backend of the store goes through the same tests; one line each in `BACKENDS`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from memory_store import MemoryCluster, MemoryStore
from nightbus.clock import Clock, SystemClock, VirtualClock
from nightbus.store.interface import Store
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from nightbus.store.sqlite.store import SqliteStore
from postgres_server import postgres_server

Open = Callable[[Clock], Awaitable[Store]]
_DATABASE = "contract"  # of all these tests, each of which has a schema of its own
_schemas = itertools.count(1)


def _sqlite(folder: Path) -> Open:
    async def open_store(clock: Clock) -> Store:
        return SqliteStore.open(folder, clock, durable=False)

    return open_store


def _inline(folder: Path) -> Open:
    """As a node for tests opens it."""

    async def open_store(clock: Clock) -> Store:
        return SqliteStore.open(folder, clock, durable=False, inline=True)

    return open_store


def _memory(folder: Path) -> Open:
    cluster = MemoryCluster()

    async def open_store(clock: Clock) -> Store:
        return MemoryStore(cluster, clock)

    return open_store


def _postgres(folder: Path, *, polls: bool = False) -> Open:
    schema = f"test_{next(_schemas)}"

    async def open_store(clock: Clock) -> Store:
        return await PostgresStore.open(Database(_contract_database(), schema=schema, polls=polls), clock)

    return open_store


@functools.cache
def _contract_database() -> str:
    server = postgres_server()
    server.execute(f"CREATE DATABASE {_DATABASE}")
    return server.url(_DATABASE)


def _postgres_polls(folder: Path) -> Open:
    return _postgres(folder, polls=True)


BACKENDS: dict[str, Callable[[Path], Open]] = {
    "sqlite": _sqlite,
    "sqlite-inline": _inline,
    "memory": _memory,
    "postgres": _postgres,
    "postgres-polls": _postgres_polls,
}
LEASES_LAST = {"memory", "postgres", "postgres-polls"}  # where the leases outlive a node


class Opener:
    """Opens stores on one folder, one after the other, and closes what the test left open."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.forgets_leases = backend not in LEASES_LAST
        self._backend = BACKENDS[backend](folder)
        self._open: list[Store] = []

    async def __call__(self, clock: Clock | None = None) -> Store:
        self._open.append(await self._backend(clock or SystemClock()))
        return self._open[-1]

    async def close(self) -> None:
        for store in self._open:
            await store.close()


@pytest.fixture(params=BACKENDS)
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    opener = Opener(request.param, tmp_path / "data")
    yield opener
    await opener.close()


@pytest.fixture
async def store(opened: Opener) -> Store:
    return await opened()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def timed(opened: Opener, clock: VirtualClock) -> Store:
    """A store whose time is the test's own."""
    return await opened(clock)
