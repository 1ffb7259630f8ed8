"""Keeps the number of due items of a queue that nobody has leased yet, which every PutEvents asks for.

The figure goes by what this node puts in and takes out, and is corrected by a count: a second after the last one, or
later where a count takes long, and only while somebody asks. So it is up to a second behind what other nodes do.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from nightbus.bounded import Bounded
from nightbus.store.interface import QueueName

log = logging.getLogger("nightbus.store")
MOST_COUNTED = 150_000
_MOST_QUEUES = 1_000
_PAUSE_SECONDS = 1.0
_PAUSE_SHARE = 20  # a count that takes a tenth of a second is made every two seconds


class _Figure:
    __slots__ = ("count", "counting", "next_at")

    def __init__(self) -> None:
        self.count = 0
        self.next_at = 0.0  # seconds, monotonic
        self.counting: asyncio.Task[None] | None = None


class UntakenItems:
    """`count` asks the database for the number of one queue."""

    def __init__(self, count: Callable[[QueueName], Awaitable[int]]) -> None:
        self._count = count
        self._figures: Bounded[QueueName, _Figure] = Bounded(_MOST_QUEUES)

    def of(self, name: QueueName) -> int:
        """0 at the first question, which has it counted."""
        figure = self._figures.get(name)
        if figure is None:
            figure = self._figures[name] = _Figure()
        if figure.counting is None and time.monotonic() >= figure.next_at:
            figure.counting = asyncio.get_running_loop().create_task(self._correct(name, figure))
        return max(0, figure.count)

    def added(self, name: QueueName, number: int) -> None:
        figure = self._figures.get(name)
        if figure is not None:
            figure.count += number

    def trimmed(self, name: QueueName) -> None:
        figure = self._figures.get(name)
        if figure is not None:
            figure.next_at = 0.0

    async def close(self) -> None:
        tasks = [figure.counting for figure in self._figures.values() if figure.counting is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._figures)

    async def _correct(self, name: QueueName, figure: _Figure) -> None:
        began = time.monotonic()
        try:
            figure.count = await self._count(name)
        except Exception as failure:
            log.warning("the items of %s are not counted: %s", name.queue, failure)
        finally:
            now = time.monotonic()
            figure.next_at = now + max(_PAUSE_SECONDS, _PAUSE_SHARE * (now - began))
            figure.counting = None
