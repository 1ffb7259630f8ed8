"""Measures for how long the event loop is held at a time: nothing else of a node goes on meanwhile.

Off unless NIGHTBUS_MEASURE_HOLDS is set, for it goes round the loop without a pause. What counts is the time that the
loop's own thread computes in one round, so that other load of the machine, and other threads of the node, make no
difference.
"""

from __future__ import annotations

import asyncio
import os
import time


def is_enabled() -> bool:
    return bool(os.environ.get("NIGHTBUS_MEASURE_HOLDS"))


class LoopHolds:
    """`longest_ms` is the longest round since the last `reset`."""

    def __init__(self) -> None:
        self._longest = 0.0

    @property
    def longest_ms(self) -> float:
        return self._longest * 1000

    def reset(self) -> None:
        self._longest = 0.0

    async def run(self) -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self._longest = max(self._longest, now - before)
            before = now
