"""Reads through a pool, and waits for some seconds where the database is away: a failover shows as a pause.

For statements that may be made twice. What is still away then is StoreUnavailable, as it is for a commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.failures import is_outage, is_tried_again

if TYPE_CHECKING:
    import asyncpg

T = TypeVar("T")
_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5  # seconds, between attempts
_AWAY = "The database cannot be reached."


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


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction that may be done twice, until the database answers.

    Raises StoreUnavailable after some seconds, and what the server says against the statement.
    """
    give_up, pause = 0.0, _FIRST_PAUSE
    while True:
        try:
            return await work()
        except Exception as failure:
            if is_tried_again(failure):
                continue
            if not is_outage(failure):
                raise
            now = time.monotonic()
            give_up = give_up or now + _PATIENCE_SECONDS
            if now > give_up:
                raise StoreUnavailable(_AWAY) from failure
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
