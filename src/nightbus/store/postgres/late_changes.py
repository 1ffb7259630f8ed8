"""Changes leases of the node's own work when the database answers again, where it did not at the time.

Work that the store did not take is given back, to be tried again soon. Where the database is away for that too, the
item of a node that lives would wait until its lease ends. Of more than `_MOST_KEPT` it does not know which they are:
then all leases of the node's own work end, as if it had been taken for dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, NamedTuple

from nightbus.store.changes import StoreUnavailable
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
    """`freed` is told the number of each queue where something is offered again. `end_all` ends all leases of the
    node's own work, and returns the numbers of their queues."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        freed: Callable[[int], None],
        end_all: Callable[[], Awaitable[Collection[int]]],
    ) -> None:
        self._pool = pool
        self._freed = freed
        self._end_all = end_all
        self._are_too_many = False
        self._changes: dict[tuple[int, int], LateChange] = {}  # the newest one of each item
        self._making: asyncio.Task[None] | None = None

    def add(self, change: LateChange) -> None:
        key = change.queue, change.item
        if len(self._changes) < _MOST_KEPT or key in self._changes:
            self._changes[key] = change
        elif not self._are_too_many:
            self._are_too_many = True
            log.warning(
                "more than %d leases are to be changed when the database answers: all that this node works on is"
                " offered again then",
                _MOST_KEPT,
            )
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
            while self._changes or self._are_too_many:
                await asyncio.sleep(_AGAIN_SECONDS)
                await self._make_some()
        except Exception:
            log.exception("leases that could not be changed stay until they end")
            self._changes.clear()
            self._are_too_many = False
        finally:
            self._making = None

    async def _make_some(self) -> None:
        """As far as the database answers."""
        if self._are_too_many:
            try:
                queues = await self._end_all()
            except StoreUnavailable:
                return
            self._changes.clear()
            self._are_too_many = False
            for queue in queues:
                self._freed(queue)
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
