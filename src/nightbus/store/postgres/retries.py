"""Does work of the database again: how often, and for how long?

`until_it_wins` does only what the first line says, for statements over the connection between nodes and at a start.
`until_it_is_ready` is for a start, beside a server that starts too or has much to do.

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
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.failures import is_outage, is_tried_again

log = logging.getLogger("nightbus.store")

T = TypeVar("T")
_MOST_ATTEMPTS = 20
_PATIENCE_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5  # seconds, between attempts
_START_SECONDS = 30.0
# cannot_connect_now: the server starts or ends; too_many_connections; connection_does_not_exist: the server cut it.
_LATER = frozenset({"57P03", "53300", "08003"})
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


async def until_it_is_ready(work: Callable[[], Awaitable[T]], shown: str) -> T:
    """Do `work` again, for half a minute, while the server is there and takes no connection, or does not answer in
    time. `shown` names it in the log. Raises what `work` does: at once where nothing listens, or something is wrong.
    """
    give_up, pause, is_first = time.monotonic() + _START_SECONDS, _FIRST_PAUSE, True
    while True:
        try:
            return await work()
        except Exception as failure:
            if not _is_not_ready(failure) or time.monotonic() > give_up:
                raise
            if is_first:
                said = str(failure) or "it does not answer in time"
                log.warning("%s cannot be used yet, and is tried for %.0f s: %s", shown, _START_SECONDS, said)
        is_first = False
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _is_not_ready(failure: BaseException) -> bool:
    return isinstance(failure, TimeoutError) or getattr(failure, "sqlstate", None) in _LATER
