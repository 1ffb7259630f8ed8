"""Every backend of the store goes through the same tests; one line each in `BACKENDS`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from memory_store import MemoryCluster, MemoryStore
from nightbus.clock import Clock, SystemClock, VirtualClock
from nightbus.store.interface import Store
from nightbus.store.sqlite.store import SqliteStore

Open = Callable[[Clock], Store]


def _sqlite(folder: Path) -> Open:
    return lambda clock: SqliteStore.open(folder, clock, durable=False)


def _inline(folder: Path) -> Open:
    """As a node for tests opens it."""
    return lambda clock: SqliteStore.open(folder, clock, durable=False, inline=True)


def _memory(folder: Path) -> Open:
    cluster = MemoryCluster()
    return lambda clock: MemoryStore(cluster, clock)


BACKENDS: dict[str, Callable[[Path], Open]] = {"sqlite": _sqlite, "sqlite-inline": _inline, "memory": _memory}
LEASES_LAST = {"memory"}  # where the leases outlive a node


class Opener:
    """Opens stores on one folder, one after the other, and closes what the test left open."""

    def __init__(self, backend: str, folder: Path) -> None:
        self.forgets_leases = backend not in LEASES_LAST
        self._backend = BACKENDS[backend](folder)
        self._open: list[Store] = []

    def __call__(self, clock: Clock | None = None) -> Store:
        self._open.append(self._backend(clock or SystemClock()))
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
def store(opened: Opener) -> Store:
    return opened()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def timed(opened: Opener, clock: VirtualClock) -> Store:
    """A store whose time is the test's own."""
    return opened(clock)
