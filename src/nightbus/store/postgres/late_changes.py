"""Changes leases of the node's own work when the database answers again, where it did not at the time.

Work that the store did not take is given back, to be tried again soon. Where the database is away for that too, the
item of a node that lives would wait until its lease ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nightbus.store.postgres.failures import is_outage, is_tried_again
from nightbus.store.postgres.lease_statements import CHANGE

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_AGAIN_SECONDS = 0.5
_MOST_KEPT = 10_000


class LateChange(NamedTuple):
    """The lease of `token` of an item of the queue of that number is to end at `ends` (UTC ms)."""

    queue: int
    item: int
    ends: int
    token: int


class LateChanges:
    """`freed` is told the number of each queue where something is offered again."""

    def __init__(self, pool: asyncpg.Pool, freed: Callable[[int], None]) -> None:
        self._pool = pool
        self._freed = freed
        self._changes: dict[tuple[int, int], LateChange] = {}  # the newest one of each item
        self._making: asyncio.Task[None] | None = None

    def add(self, change: LateChange) -> None:
        if len(self._changes) < _MOST_KEPT:
            self._changes[change.queue, change.item] = change
        if self._making is None:
            self._making = asyncio.create_task(
                self._make_all(), name="change leases that could not be changed"
            )

    async def close(self) -> None:
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._changes)

    async def _make_all(self) -> None:
        try:
            while self._changes:
                await asyncio.sleep(_AGAIN_SECONDS)
                await self._make_some()
        except Exception:
            log.exception("leases that could not be changed stay until they end")
            self._changes.clear()
        finally:
            self._making = None

    async def _make_some(self) -> None:
        """As far as the database answers."""
        for key, change in list(self._changes.items()):
            try:
                rows = await self._pool.fetch(CHANGE, *change, None)
            except Exception as failure:
                if is_outage(failure) or is_tried_again(failure):
                    return
                raise
            if self._changes.get(key) is change:
                del self._changes[key]
            if rows:
                self._freed(change.queue)
