"""The tables of the shared store are made once, whichever node comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.schema import VERSION, NewerSchema, prepare
from postgres_server import PASSWORD, PostgresServer, postgres_server


@pytest.fixture
def server() -> PostgresServer:
    return postgres_server()


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    name = server.make_database()
    yield Database(server.url(name))
    server.drop_database(name)


async def _prepare(database: Database) -> None:
    connection = await database.connect()
    try:
        await prepare(connection, database.schema)
    finally:
        await connection.close()


async def test_nodes_that_start_at_once_make_the_tables_together(database: Database) -> None:
    await asyncio.gather(*(_prepare(database) for _ in range(4)))
    connection = await database.connect()
    assert await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'") == str(VERSION)
    assert await connection.fetchval("SELECT count(*) FROM feed") == 1
    await connection.close()


async def test_a_newer_schema_is_refused(database: Database) -> None:
    await _prepare(database)
    connection = await database.connect()
    await connection.execute("UPDATE meta SET value = $1 WHERE key = 'schema'", str(VERSION + 1))
    with pytest.raises(NewerSchema, match=f"schema {VERSION + 1}, this one knows {VERSION}"):
        await prepare(connection, database.schema)
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await connection.close()


async def test_what_is_shown_of_a_url_has_no_secret(server: PostgresServer) -> None:
    database = Database(server.url_by_network())
    connection = await database.connect()
    await connection.close()
    assert database.shown == f"postgresql://127.0.0.1:{server.port}/postgres"
    assert PASSWORD not in repr(database) and quote(PASSWORD, safe="") not in repr(database)
