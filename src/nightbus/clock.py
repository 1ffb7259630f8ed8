"""Defines the clock: the real one, and two for tests.

Every component gets a `Clock` and reads the time from no other source. The real clock is UTC plus the monotonic clock.
The virtual clock stands still until a test advances it, so that a retry schedule of 24 hours runs in milliseconds; it
is for tests of one component. The stepped clock is for a whole node, which real clients and processes talk to: its UTC
stands still, its monotonic clock goes on.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
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

    def pause(self, seconds: float) -> Awaitable[None]:
        """As `sleep`, for those who are told when there is something to do: a jump of the time does not wake them."""
        ...

    def until(self, utc_ms: int) -> float:
        """Return in how many seconds of `sleep` it is `utc_ms`, at least 0; infinite where UTC stands still."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def until(self, utc_ms: int) -> float:
        return max(0.0, (utc_ms - self.now_ms()) / 1000)


class SteppedClock:
    """UTC that stands still until `jump`, and a monotonic clock that goes on with real time and makes the same jumps.

    So whatever is due at a time (a retry, a schedule, a visibility timeout) happens exactly when a test lets time pass,
    while what takes time (a long poll, the run of a function, a pause between two attempts of the node's own) ends by
    itself. A sleeper wakes after real time, or by `wake_sleepers` after a jump that passes its time.
    """

    def __init__(self, start_ms: int) -> None:
        self._now_ms = start_ms
        self._ahead = 0.0  # seconds that the jumps have added to the monotonic clock
        self._sleepers: dict[asyncio.Future[None], float] = {}  # when each wakes, by `monotonic`

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        self._sleepers[woken] = self.monotonic() + seconds
        try:
            await woken
        finally:
            timer.cancel()
            del self._sleepers[woken]

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def until(self, utc_ms: int) -> float:
        return 0.0 if utc_ms <= self._now_ms else math.inf

    def jump(self, to_ms: int) -> None:
        """Make it `to_ms` UTC. Raises ValueError for a time that has passed."""
        if to_ms < self._now_ms:
            raise ValueError("time does not go back")
        self._ahead += (to_ms - self._now_ms) / 1000
        self._now_ms = to_ms

    def wake_sleepers(self) -> None:
        """Wake those whose time a jump has passed: they wake by themselves in real time only."""
        now = self.monotonic()
        for woken, due in list(self._sleepers.items()):
            if due <= now:
                _wake(woken)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


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

    def pause(self, seconds: float) -> Awaitable[None]:
        return self.sleep(seconds)

    def until(self, utc_ms: int) -> float:
        return max(0.0, (utc_ms - self.now_ms()) / 1000)

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
