"""The watch of an environment looks at long invocations, and at short ones only where the runtime says too much. It
freezes the environment when that rests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from nightbus.clock import SystemClock
from nightbus.functions import limit_watch
from nightbus.functions.limit_watch import LimitWatch
from nightbus.functions.memory import PeakMemory

LIMIT = 128


class Used:
    """Counts the looks, and stands where the processes of a node would."""

    def __init__(self, still_run: int = 0) -> None:
        self.looks = 0
        self._still_run = still_run  # at so many looks at frozen ones

    def used_bytes(self, *_: Any) -> int:
        self.looks += 1
        return 0

    def are_stopped(self, pid: int) -> bool:
        self._still_run -= 1
        return self._still_run < 0


class Process:
    """Says when it is frozen and thawed, and has no process."""

    def __init__(self) -> None:
        self.pid, self.init = 1, 0
        self.gone = asyncio.get_running_loop().create_future()
        self.is_frozen = False
        self.frozen = asyncio.Event()
        self.freezes = 0

    def freeze(self) -> bool:
        self.freezes += 1
        self.is_frozen = True
        self.frozen.set()
        return True

    def thaw(self) -> None:
        self.is_frozen = False


def a_watch(
    used: Used,
    peak: PeakMemory,
    process: Process | None = None,
    is_at_rest: Callable[[], bool] = lambda: True,
) -> LimitWatch:
    given = cast(Any, process or Process())
    return LimitWatch(given, cast(Any, used), peak, LIMIT, lambda: None, is_at_rest)


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


async def test_what_rests_is_frozen_and_looked_at_twice_and_what_works_is_thawed() -> None:
    used, process = Used(), Process()
    watch = a_watch(used, PeakMemory(SystemClock()), process)
    watch.start(60, lambda: None)
    while used.looks < 2:
        await asyncio.sleep(0.01)
    assert not process.frozen.is_set()
    watch.start_idle()
    async with asyncio.timeout(30):
        await process.frozen.wait()
        looks = used.looks
        while watch._pause < 30:
            await asyncio.sleep(0.01)
    assert used.looks - looks in (2, 3)  # and one as it was frozen
    watch.start(60, lambda: None)
    assert not process.is_frozen
    assert watch._timer is not None
    watch.stop()


async def test_what_runs_though_it_is_frozen_is_frozen_again_and_looked_at_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limit_watch, "_IDLE_SAMPLE_SECONDS", 0.01)
    used, process = Used(still_run=5), Process()
    watch = a_watch(used, PeakMemory(SystemClock()), process)
    watch.start(60, lambda: None)
    watch.start_idle()
    async with asyncio.timeout(30):
        await process.frozen.wait()
        looks = used.looks
        while watch._pause < 30:
            await asyncio.sleep(0.01)
    watch.stop()
    assert process.freezes == 1 + 5
    assert used.looks - looks >= 5 + 2


async def test_what_does_not_rest_is_asked_again_and_again() -> None:
    process, asked = Process(), 0

    def is_at_rest() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    watch = a_watch(Used(), PeakMemory(SystemClock()), process, is_at_rest)
    watch.start(60, lambda: None)
    watch.start_idle()
    async with asyncio.timeout(30):
        await process.frozen.wait()
    assert asked == 3
    watch.stop()


async def test_between_short_invocations_nothing_is_frozen() -> None:
    """None is asked either: a look that finds the environment idle waits for the next one."""
    asked = 0

    def is_at_rest() -> bool:
        nonlocal asked
        asked += 1
        return True

    watch = a_watch(Used(), PeakMemory(SystemClock()), is_at_rest=is_at_rest)
    loop = asyncio.get_running_loop()
    ends = loop.time() + 1
    while loop.time() < ends:
        watch.start(5, lambda: None)
        watch.start_idle()
        await asyncio.sleep(0)
    watch.stop()
    assert asked == 0
