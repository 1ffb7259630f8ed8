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

# The column by which a distributed database would place the rows of each table.
DISTRIBUTED_BY = {
    "blob": "digest",
    "blob_chunk": "content",
    "blob_leftover": "content",
    "blob_owner": "digest",
    "change": "seq",
    "entry": "log",
    "feed": "id",
    "item": "queue",
    "meta": "key",
    "name": "scope",
    "node": "id",
    "rate": "name",
    "rate_moment": "name",
    "record": "scope",
    "secret": "name",
    "slot": "name",
}
_UNIQUE_INDEXES = """
SELECT pg_class.relname, attname FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indisunique AND relnamespace = to_regnamespace('nightbus')
"""
_FOREIGN_KEYS = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"


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


async def test_every_key_begins_with_the_column_that_distributes_its_table(database: Database) -> None:
    """A distributed PostgreSQL (Citus) takes no other ones."""
    await _prepare(database)
    connection = await database.connect()
    keys = {(row[0], row[1]) for row in await connection.fetch(_UNIQUE_INDEXES)}
    tables = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::regnamespace", "nightbus"
    )
    assert keys == set(DISTRIBUTED_BY.items())
    assert {row[0] for row in tables} == set(DISTRIBUTED_BY)
    assert await connection.fetchval(_FOREIGN_KEYS) == 0
    await connection.close()


async def test_a_node_waits_while_another_one_changes_the_tables(
    database: Database, server: PostgresServer
) -> None:
    """By a row, since not every database has advisory locks; also where every transaction is serializable."""
    await _prepare(database)
    name = _name(database)
    server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    other = await database.connect()
    await other.execute("SET idle_in_transaction_session_timeout = 0")
    transaction = other.transaction()
    await transaction.start()
    await other.execute("SELECT 1 FROM meta WHERE key = 'lock' FOR UPDATE")
    preparing = asyncio.create_task(_prepare(database))
    waits = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{name}'"
    async with asyncio.timeout(60):
        while await asyncio.to_thread(server.execute, waits) == "0":
            await asyncio.sleep(0.01)
    assert not preparing.done()
    await transaction.commit()
    await preparing
    await other.close()


async def test_a_role_may_have_no_more_than_its_schema(database: Database, server: PostgresServer) -> None:
    name = _name(database)
    role = f"owner_of_{name}"
    server.execute(
        f"CREATE ROLE {role} LOGIN; REVOKE ALL ON DATABASE {name} FROM PUBLIC;"
        f" GRANT CONNECT ON DATABASE {name} TO {role}"
    )
    server.execute(f"CREATE SCHEMA nightbus AUTHORIZATION {role}", name)
    own = Database(server.url(name).replace("//nightbus@", f"//{role}@"))
    await asyncio.gather(*(_prepare(own) for _ in range(4)))
    server.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", name)


def _name(database: Database) -> str:
    return database.url.partition("/test_")[2].partition("?")[0].join(("test_", ""))


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
