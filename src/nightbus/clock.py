"""Defines the clock: the real one, and a virtual one for tests.

Every component gets a `Clock` and reads the time from no other source. The real clock is UTC plus the monotonic clock.
The virtual clock stands still until a test advances it, so that a retry schedule of 24 hours runs in milliseconds.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Return UTC in whole milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never decrease. Only differences have a meaning."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Return an awaitable that is done when `seconds` of this clock have passed since the call."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that stands still until `advance` is called. Sleepers wake in the order of their times."""

    def __init__(self, start_ms: int = 1_767_225_600_000) -> None:
        self._start_ms = start_ms
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now_ms(self) -> int:
        # A sum of seconds may be slightly less than the millisecond that it stands for.
        return self._start_ms + int(self._elapsed * 1000 + 1e-6)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> Awaitable[None]:
        if seconds <= 0:
            return asyncio.sleep(0)
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), woken))
        return woken

    def next_wake(self) -> float | None:
        """In how many seconds the next sleeper wakes; None while nobody sleeps."""
        times = [due for due, _, woken in self._sleepers if not woken.done()]
        return min(times) - self._elapsed if times else None

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and stop at each sleeper, so that it can act and sleep again."""
        end = self._elapsed + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._elapsed = max(self._elapsed, due)
            if not woken.done():
                woken.set_result(None)
            for _ in range(10):
                await asyncio.sleep(0)
        self._elapsed = end
