"""The nodes of a cluster have one vault key, which only the cluster's key opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.identity import WrongClusterKey, has_identity, new_cluster_key, vault_key
from nightbus.store.postgres.schema import prepare
from postgres_server import postgres_server


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    server = postgres_server()
    name = server.make_database()
    database = Database(server.url(name))
    connection = await database.connect()
    await prepare(connection, database.schema)
    await connection.close()
    yield database
    server.drop_database(name)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect()
    yield connection
    await connection.close()


async def test_nodes_that_start_at_once_have_one_vault_key(database: Database) -> None:
    async def start() -> bytes:
        connection = await database.connect()
        try:
            return await vault_key(connection, key)
        finally:
            await connection.close()

    key = new_cluster_key()
    found = await asyncio.gather(*(start() for _ in range(4)))
    assert len(set(found)) == 1 and len(found[0]) == 32


async def test_another_key_is_refused(connection: asyncpg.Connection) -> None:
    assert not await has_identity(connection)
    made = await vault_key(connection, new_cluster_key())
    assert await has_identity(connection)
    with pytest.raises(WrongClusterKey, match="is not this database's"):
        await vault_key(connection, new_cluster_key())
    with pytest.raises(WrongClusterKey, match="must be 64 hexadecimal digits"):
        await vault_key(connection, "password")
    sealed = await connection.fetchval("SELECT sealed FROM secret")
    assert made.hex() not in sealed


async def test_a_secret_that_was_changed_does_not_open(connection: asyncpg.Connection) -> None:
    key = new_cluster_key()
    await vault_key(connection, key)
    await connection.execute("UPDATE secret SET sealed = '1:' || repeat('A', 80)")
    with pytest.raises(WrongClusterKey):
        await vault_key(connection, key)
