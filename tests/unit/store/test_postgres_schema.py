"""The tables of the shared store are made once, whichever node comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Append, Enqueue, PutRecord
from nightbus.store.postgres import schema
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.schema import VERSION, NewerSchema, prepare
from nightbus.store.postgres.store import PostgresStore
from postgres_server import PASSWORD, PostgresServer, postgres_server


@pytest.fixture
def server() -> PostgresServer:
    return postgres_server()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    name = server.make_database()
    yield Database(server.url(name))
    server.drop_database(name)


async def _prepare(database: Database, version: int = VERSION) -> None:
    connection = await database.connect()
    try:
        await prepare(connection, database.schema, version)
    finally:
        await connection.close()


async def test_nodes_that_start_at_once_make_the_tables_together(database: Database) -> None:
    await asyncio.gather(*(_prepare(database) for _ in range(4)))
    connection = await database.connect()
    assert await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'") == str(VERSION)
    assert await connection.fetchval("SELECT count(*) FROM feed") == 1
    await connection.close()


async def test_a_schema_that_is_two_steps_newer_is_refused(database: Database) -> None:
    await _prepare(database)
    connection = await database.connect()
    await connection.execute("UPDATE meta SET value = $1 WHERE key = 'schema'", str(VERSION + 2))
    says = f"schema {VERSION + 2}, this one knows {VERSION}, and goes together with {VERSION + 1}"
    with pytest.raises(NewerSchema, match=says) as refusal:
        await prepare(connection, database.schema)
    assert "\n" not in str(refusal.value)
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await connection.close()


async def test_nodes_of_two_neighbouring_releases_work_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next release's step adds a table, columns and an index; nodes of this one run, and start, beside it."""
    next_step = """CREATE TABLE novelty (id bigint PRIMARY KEY);
                   ALTER TABLE record ADD COLUMN novelty text;
                   ALTER TABLE item ADD COLUMN novelty integer NOT NULL DEFAULT 0;
                   ALTER TABLE node ADD COLUMN novelty text NOT NULL DEFAULT '';
                   CREATE INDEX item_by_novelty ON item (queue, novelty)"""
    monkeypatch.setitem(schema._STEPS, VERSION, next_step)
    running = await PostgresStore.open(database, SystemClock())
    await running.commit(PutRecord(SYSTEM, "k", "a", {"by": "this"}), Enqueue(SYSTEM, "jobs", b"1", 0))
    await _prepare(database, VERSION + 1)
    starting = await PostgresStore.open(database, SystemClock())
    for store in (running, starting):
        (item,) = await store.lease(SYSTEM, "jobs", 1, 60_000)
        await store.commit(
            item.acknowledge(),
            Enqueue(SYSTEM, "jobs", b"2", 0),
            Append(SYSTEM, "log", 0, b"x"),
            PutRecord(SYSTEM, "k", "b", {}),
        )
    assert len(await running.read(SYSTEM, "log")) == 2
    assert await starting.get(SYSTEM, "k", "a") is not None
    assert await starting.slots.take("f", 1)
    assert await starting._pool.fetchval("SELECT value FROM meta WHERE key = 'schema'") == str(VERSION + 1)
    await running.close()
    await starting.close()


async def test_a_release_does_not_leave_running_nodes_two_steps_behind(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(schema._STEPS, VERSION, "CREATE TABLE novelty (id bigint PRIMARY KEY)")
    monkeypatch.setitem(schema._STEPS, VERSION + 1, "CREATE TABLE novelty_more (id bigint PRIMARY KEY)")
    store = await PostgresStore.open(database, SystemClock())
    with pytest.raises(
        NewerSchema, match=f"knows schema {VERSION}, and schema {VERSION + 2} goes together with"
    ):
        await _prepare(database, VERSION + 2)
    assert await store._pool.fetchval("SELECT value FROM meta WHERE key = 'schema'") == str(VERSION)
    await store.close()
    await _prepare(database, VERSION + 2)


async def test_what_is_shown_of_a_url_has_no_secret(server: PostgresServer) -> None:
    database = Database(server.url_by_network())
    connection = await database.connect()
    await connection.close()
    assert database.shown == f"postgresql://127.0.0.1:{server.port}/postgres"
    assert PASSWORD not in repr(database) and quote(PASSWORD, safe="") not in repr(database)
