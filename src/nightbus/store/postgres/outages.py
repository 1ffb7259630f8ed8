"""Does again what the database broke off for the sake of others, and tells an outage as the store's callers know it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from nightbus.store.interface import StoreUnavailable
from nightbus.store.postgres import failures

T = TypeVar("T")
_MOST_ATTEMPTS = 20


def is_outage(failure: BaseException) -> bool:
    """Whether the database may answer again in a moment."""
    return isinstance(failure, StoreUnavailable) or failures.is_outage(failure)


async def repeated(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, a statement or a transaction, again while it loses against others (40001, 40P01).

    Raises StoreUnavailable where the database cannot be reached.
    """
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        try:
            return await work()
        except Exception as failure:
            if failures.is_outage(failure):
                raise StoreUnavailable(str(failure) or type(failure).__name__) from failure
            if not failures.is_tried_again(failure) or attempt == _MOST_ATTEMPTS:
                raise
    raise AssertionError("unreachable")
