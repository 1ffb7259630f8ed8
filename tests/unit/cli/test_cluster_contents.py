"""What the doctor counts of a cluster as due is so by the database's clock, by which nodes go."""

from __future__ import annotations

import asyncio

import pytest

from nightbus.cli.commands.contents import ClusterContents
from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Enqueue
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database


async def test_what_is_due_is_told_by_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    async with new_database() as database:
        now = SystemClock().now_ms()
        store = await PostgresStore.open(database, SystemClock())
        await store.commit(
            Enqueue(SYSTEM, "q", b"", now - 1_000_000), Enqueue(SYSTEM, "q", b"", now + 1_000_000)
        )
        await store.close()
        connection = await database.connect()
        contents = ClusterContents(connection, asyncio.get_running_loop(), None, running=False)
        monkeypatch.setattr(SystemClock, "now_ms", lambda self: now + 3_600_000)  # this machine's is ahead
        assert await asyncio.to_thread(contents.count_items, SYSTEM, "q") == (1, 1)
        await connection.close()
