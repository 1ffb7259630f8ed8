"""A node whose database says nothing cuts its connections; a refusal is an answer, and who stood still asked none."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from frozen_proxy import FrozenProxy, frozen_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.counters import Counters
from nightbus.node.shared_store import SharedStore
from nightbus.node.storage import open_shared
from nightbus.store.interface import SYSTEM, PutRecord, Record, StoreUnavailable
from nightbus.store.postgres.clock import ClusterClock
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database
from postgres_server import postgres_server

HERE = Scope("111111111111", "eu-west-1")
SILENT_SECONDS = 5.0


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with new_database() as made:
        yield made


def url_by(proxy: FrozenProxy, database: Database) -> str:
    server = postgres_server()
    url = server.url_by_network(urlsplit(database.url).path[1:])
    return url.replace(f":{server.port}/", f":{proxy.port}/")


async def behind(proxy: FrozenProxy, database: Database) -> PostgresStore:
    return await PostgresStore.open(Database(url_by(proxy, database)), ClusterClock(SystemClock()))


async def answer_of(store: PostgresStore) -> Record | StoreUnavailable | None:
    try:
        return await store.get(HERE, "k", "a")
    except StoreUnavailable as failure:
        return failure


async def pids(database: Database) -> set[int]:
    """The processes of the server that serve the node: but for the link, none ends where nothing is cut."""
    connection = await database.connect(name="test")
    try:
        rows = await connection.fetch(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test'"
        )
        return {row["pid"] for row in rows}
    finally:
        await connection.close()


async def test_what_waits_for_a_silent_database_is_refused(database: Database) -> None:
    """A cable that is cut breaks no connection, and a read may take half a minute. More wait than there are connections
    in a pool, and none of them waits for those before it."""
    async with frozen_proxy(postgres_server().port) as proxy:
        store = await behind(proxy, database)
        await store.commit(PutRecord(HERE, "k", "a", {}))
        assert await store.get(HERE, "k", "a") is not None
        proxy.flows.clear()
        async with asyncio.timeout(20):
            refused = await asyncio.gather(
                store.commit(PutRecord(HERE, "k", "b", {})),
                store.lease(SYSTEM, "jobs", 1, 60_000),
                *(store.get(HERE, "k", "a") for _ in range(100)),
                return_exceptions=True,
            )
        assert {type(failure) for failure in refused} == {StoreUnavailable}
        proxy.flows.set()
        async with asyncio.timeout(20):
            while not isinstance(await answer_of(store), Record):
                await asyncio.sleep(0.05)
        await store.commit(PutRecord(HERE, "k", "b", {}))
        await store.close()


async def test_a_node_that_stood_still_cuts_nothing(database: Database) -> None:
    """As one that was paused, or whose machine slept: its heartbeats were not sent."""
    store = await PostgresStore.open(Database(database.url), ClusterClock(SystemClock()))
    await store.commit(PutRecord(HERE, "k", "a", {}))
    before = await pids(database)
    asyncio.get_running_loop().call_soon(time.sleep, SILENT_SECONDS + 3)
    await asyncio.sleep(0)
    assert isinstance(await answer_of(store), Record)
    beats = store.nodes._beats
    async with asyncio.timeout(60):
        while store.nodes._beats < beats + 2:
            await asyncio.sleep(0.05)
    assert before <= await pids(database)
    await store.close()


async def test_a_server_that_refuses_heartbeats_is_not_silent(database: Database) -> None:
    """Its disk is full, say: it answers reads."""
    store = await PostgresStore.open(Database(database.url), ClusterClock(SystemClock()))
    await store.commit(PutRecord(HERE, "k", "a", {}))
    owner = await database.connect(name="test")
    await owner.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON node FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    assert isinstance(await answer_of(store), Record)
    before = await pids(database)
    async with asyncio.timeout(60):
        while time.monotonic() - store.nodes._last_beat < SILENT_SECONDS + 2:
            assert isinstance(await answer_of(store), Record)
            await asyncio.sleep(0.05)
    assert before <= await pids(database)
    await owner.close()
    await store.close()


async def test_a_start_waits_for_a_database_that_does_not_answer_yet(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with frozen_proxy(postgres_server().port) as proxy:
        proxy.flows.clear()
        shared = SharedStore(url_by(proxy, database))
        with caplog.at_level(logging.WARNING, "nightbus.store"):
            opening = asyncio.ensure_future(
                open_shared(shared, tmp_path, SystemClock(), 0, counters=Counters())
            )
            while not caplog.messages and not opening.done():
                await asyncio.sleep(0.05)
            proxy.flows.set()
            storage = await opening
    assert caplog.messages == [
        f"{shared.database.shown} cannot be used yet, and is tried for 30 s: it does not answer in time"
    ]
    await storage.close()
