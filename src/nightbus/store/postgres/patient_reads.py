"""Reads through a pool, and waits for some seconds where the database is away: a failover shows as a pause.

For statements that may be made twice. Each method raises StoreUnavailable where the database is still away then, as a
commit does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nightbus.store.postgres.retries import patiently

if TYPE_CHECKING:
    import asyncpg


class PatientReader:
    """Has the methods of a pool that `reads` and its neighbours call."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch(self, query: str, *values: object) -> list[Any]:
        return await patiently(lambda: self._pool.fetch(query, *values))

    async def fetchrow(self, query: str, *values: object) -> Any:
        return await patiently(lambda: self._pool.fetchrow(query, *values))

    async def fetchval(self, query: str, *values: object) -> Any:
        return await patiently(lambda: self._pool.fetchval(query, *values))

    async def execute(self, query: str, *values: object) -> str:
        return await patiently(lambda: self._pool.execute(query, *values))
