"""Does work of the database again: how often, and for how long?

`until_it_wins` does only what the first line says, for statements over the connection between nodes and at a start.

| the failure                                  | `repeated` (leases)      | `patiently` (reads)           |
|----------------------------------------------|--------------------------|-------------------------------|
| it lost against another transaction          | again at once            | again, after a pause          |
| the server or the way to it is away          | StoreUnavailable at once | again, after a pause          |
| the same, after some attempts or seconds     | the failure itself       | StoreUnavailable              |
| anything else: the server refuses the work   | the failure itself       | the failure itself            |

Commits have rules of their own (`writer`), since their outcome may be unknown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.failures import is_outage, is_tried_again

T = TypeVar("T")
_MOST_ATTEMPTS = 20
_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5  # seconds, between attempts
_AWAY = "The database cannot be reached: {}"


async def repeated(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction, at most 20 times while it loses against others.

    For whoever asks again by itself. Raises StoreUnavailable where the database cannot be reached.
    """
    try:
        return await until_it_wins(work)
    except Exception as failure:
        if is_outage(failure):
            raise StoreUnavailable(str(failure) or type(failure).__name__) from failure
        raise


async def until_it_wins(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction, at most 20 times while it loses against others."""
    for _ in range(_MOST_ATTEMPTS - 1):
        try:
            return await work()
        except Exception as failure:
            if not is_tried_again(failure):
                raise
    return await work()


async def patiently(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction that may be done twice, until the database answers.

    Raises StoreUnavailable some seconds after it began, and what the server says against the statement.
    """
    give_up, pause = time.monotonic() + _PATIENCE_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return await work()
        except Exception as failure:
            if not is_outage(failure) and not is_tried_again(failure):
                raise
            if time.monotonic() > give_up:
                raise StoreUnavailable(_AWAY.format(str(failure) or type(failure).__name__)) from failure
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
