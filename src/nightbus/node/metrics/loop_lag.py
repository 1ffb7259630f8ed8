"""Measures how late the event loop is, while somebody reads metrics: a timer that comes late says so.

Nobody pays for it while nobody looks. It samples; `node.loop_holds`, which never pauses, sees each hold.
"""

from __future__ import annotations

import asyncio
import time

from nightbus.counters import SHORT, Histogram

_EVERY_SECONDS = 0.5
_READ_FOR_SECONDS = 120.0


class LoopLag:
    """`lags`: by how much a timer of half a second came too late, in seconds."""

    def __init__(self) -> None:
        self.lags = Histogram(SHORT)
        self._until = 0.0
        self._task: asyncio.Task[None] | None = None

    def read(self) -> None:
        """Somebody reads the metrics: measure for the next two minutes."""
        self._until = time.monotonic() + _READ_FOR_SECONDS
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._measure(), name="lag of the event loop")

    async def _measure(self) -> None:
        while (began := time.monotonic()) < self._until:
            await asyncio.sleep(_EVERY_SECONDS)
            self.lags.observe(max(0.0, time.monotonic() - began - _EVERY_SECONDS))

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
