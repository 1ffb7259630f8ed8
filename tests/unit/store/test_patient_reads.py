"""Does a read wait for a database that is away, for some seconds, and for nothing else?"""

from __future__ import annotations

import asyncpg
import pytest

from nightbus.store.interface import StoreUnavailable
from nightbus.store.postgres import retries
from nightbus.store.postgres.patient_reads import PatientReader
from nightbus.store.postgres.retries import patiently
from postgres_nodes import new_database


async def test_a_connection_that_was_ended_is_not_noticed() -> None:
    async with new_database() as database:
        pool, other = await database.pool(2), await database.connect()
        reader = PatientReader(pool)
        pids = {await reader.fetchval("SELECT pg_backend_pid()")}
        for _ in range(3):
            await other.fetch(
                "SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS pid", list(pids)
            )
            pids = {await reader.fetchval("SELECT pg_backend_pid()")}
        await pool.close()
        await other.close()


async def test_a_database_that_stays_away_is_told_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_PATIENCE_SECONDS", 0.1)
    attempts = 0

    async def refused() -> None:
        nonlocal attempts
        attempts += 1
        raise ConnectionRefusedError("nobody listens")

    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await patiently(refused)
    assert attempts > 2


async def test_a_statement_that_the_server_refuses_is_not_repeated() -> None:
    attempts = 0

    async def wrong() -> None:
        nonlocal attempts
        attempts += 1
        raise asyncpg.UndefinedTableError("no such table")

    with pytest.raises(asyncpg.UndefinedTableError):
        await patiently(wrong)
    assert attempts == 1


async def test_a_transaction_that_lost_against_others_is_done_again() -> None:
    failures: list[Exception] = [asyncpg.DeadlockDetectedError("lost"), asyncpg.SerializationError("lost")]

    async def work() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert await patiently(work) == "done"
