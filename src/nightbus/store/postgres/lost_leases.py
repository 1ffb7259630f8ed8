"""Ends leases whose answers were lost: the database may have made them, and nobody here knows what they hold.

Each statement that leases has a token of its own, so what it took is found by that, when the database answers again.
Without this, an item of a node that lives would wait until its lease ends. More than `_MOST_KEPT` statements are not
remembered: then all leases of the node's own work end, as if it had been taken for dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.failures import is_outage, is_tried_again

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_PAUSES = (
    0.2,
    3.0,
)  # seconds; what was under way in a network that was cut may arrive later than the next connection
_AGAIN_SECONDS = 0.5
_MOST_KEPT = 10_000
_END = """
UPDATE item SET ready = due, token = 0, holder = NULL, attempts = attempts - 1,
                first = CASE WHEN attempts = 1 THEN 0 ELSE first END
FROM unnest($1::bigint[], $2::bigint[]) AS lost (queue, token)
WHERE item.queue = lost.queue AND item.ready <> item.due AND item.token = lost.token # item.id
RETURNING item.queue"""


class LostLeases:
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
        self._end_everything = end_all
        self._are_too_many = False
        self._lost: list[tuple[int, int]] = []
        self._ending: asyncio.Task[None] | None = None

    def add(self, queue: int, token: int) -> None:
        """The statement that leased by this token in this queue has failed, and may have been made."""
        if len(self._lost) < _MOST_KEPT:
            self._lost.append((queue, token))
        elif not self._are_too_many:
            self._are_too_many = True
            log.warning(
                "the answers of more than %d leases were lost: all that this node works on is offered again when the"
                " database answers",
                _MOST_KEPT,
            )
        if self._ending is None:
            self._ending = asyncio.create_task(self._end_all(), name="end leases whose answers were lost")

    async def close(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._lost)

    async def _end_all(self) -> None:
        try:
            while self._lost or self._are_too_many:
                lost = list(self._lost)
                for pause in _PAUSES:
                    await asyncio.sleep(pause)
                    await self._end(lost)
                del self._lost[: len(lost)]
                if self._are_too_many:
                    await self._end_more_than_known()
        except Exception:
            log.exception("leases whose answers were lost are offered again when they end")
            self._lost.clear()
            self._are_too_many = False
        finally:
            self._ending = None

    async def _end_more_than_known(self) -> None:
        while self._are_too_many:
            try:
                queues = await self._end_everything()
                self._are_too_many = False
                for queue in queues:
                    self._freed(queue)
            except StoreUnavailable:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _end(self, lost: list[tuple[int, int]]) -> None:
        queues, tokens = [queue for queue, _ in lost], [token for _, token in lost]
        while True:
            try:
                rows = await self._pool.fetch(_END, queues, tokens)
                break
            except Exception as failure:
                if not is_outage(failure) and not is_tried_again(failure):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)
        for queue in {row["queue"] for row in rows}:
            self._freed(queue)
