"""Finds what nothing told of: items in queues that are waited for, by one look at all of them, and new queues."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from nightbus.clock import Clock
from nightbus.store.interface import QueueName, StoreUnavailable
from nightbus.store.postgres.item_rows import ItemRows
from nightbus.store.postgres.waiting_lines import WaitingLine

log = logging.getLogger("nightbus.store")
_OUTAGE_PAUSE_SECONDS = 1.0
_PAUSE_SECONDS = 0.002  # between two looks at least


class Looks:
    """At the queues of `lines`."""

    def __init__(self, lines: Mapping[QueueName, WaitingLine], items: ItemRows, clock: Clock) -> None:
        self._lines = lines
        self._items = items
        self._clock = clock
        self._hinted = asyncio.Event()

    def look_for_new_queues(self) -> None:
        """One that is waited for may be there by now."""
        self._hinted.set()

    async def run(self, pause: float) -> None:
        """Until cancelled, every `pause` seconds."""
        next_look = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hinted.wait()
            self._hinted.clear()
            try:
                await self._look_for_new_queues()
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + pause
                    await self._look_at_all()
            except StoreUnavailable:
                await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
            except Exception:
                log.exception("the queues that are waited for are not looked at")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _look_for_new_queues(self) -> None:
        unknown = [name for name, line in self._lines.items() if line.queue.number is None]
        if unknown:
            for name in await self._items.known(unknown):
                line = self._lines.get(name)
                if line is not None:
                    line.wake()

    async def _look_at_all(self) -> None:
        lines = {line.queue.number: line for line in self._lines.values() if line.queue.number is not None}
        first = await self._items.first_ready(lines) if lines else {}
        now = self._clock.now_ms()
        for number, ready in first.items():
            if ready <= now:
                lines[number].wake()
            else:
                lines[number].sooner(ready)
