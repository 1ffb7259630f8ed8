"""The watch of an environment looks at long invocations, and at short ones only where the runtime says too much."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from nightbus.clock import SystemClock
from nightbus.functions.limit_watch import LimitWatch
from nightbus.functions.memory import PeakMemory

LIMIT = 128


class Used:
    """Counts the looks, and stands where the processes of a node would."""

    def __init__(self) -> None:
        self.looks = 0

    def used_bytes(self, *_: Any) -> int:
        self.looks += 1
        return 0


def a_watch(used: Used, peak: PeakMemory) -> LimitWatch:
    gone = asyncio.get_running_loop().create_future()
    process = SimpleNamespace(pid=1, init=0, gone=gone)
    return LimitWatch(cast(Any, process), cast(Any, used), peak, LIMIT, lambda: None)


async def short_invocations(watch: LimitWatch) -> None:
    while True:
        watch.start(5, lambda: None)
        await asyncio.sleep(0)
        watch.start_idle()
        watch.start(5, lambda: None)
        await asyncio.sleep(0.001)


async def test_a_long_invocation_is_looked_at() -> None:
    used = Used()
    watch = a_watch(used, PeakMemory(SystemClock()))
    watch.start(5, lambda: None)
    async with asyncio.timeout(4):
        while used.looks < 3:
            await asyncio.sleep(0.01)
    watch.stop()


@pytest.mark.parametrize("peak_megabytes", [LIMIT + 1, LIMIT])
async def test_short_ones_are_looked_at_seldom_unless_the_runtime_says_too_much(peak_megabytes: int) -> None:
    used, peak = Used(), PeakMemory(SystemClock())
    peak.was_at_least(peak_megabytes)
    watch = a_watch(used, peak)
    running = asyncio.create_task(short_invocations(watch))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(30):
        while used.looks < 2:
            await asyncio.sleep(0.01)
    took = loop.time() - began
    running.cancel()
    watch.stop()
    assert took >= 1.5 or peak_megabytes > LIMIT
