"""Says which failures of the database pass: an outage, after which the connections are made anew, and transactions
that the server broke off for the sake of others, to be done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

T = TypeVar("T")
_MOST_ATTEMPTS = 20
_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,  # the connection was closed
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # the server stops or starts
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that was a primary
    asyncpg.IdleInTransactionSessionTimeoutError,
)
_BROKEN_OFF = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


def is_outage(failure: BaseException) -> bool:
    """Whether the database may answer again in a moment."""
    return isinstance(failure, _OUTAGES)


async def repeated(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction, again while the server breaks it off (40001, 40P01)."""
    for _ in range(_MOST_ATTEMPTS - 1):
        try:
            return await work()
        except _BROKEN_OFF:
            continue
    return await work()
