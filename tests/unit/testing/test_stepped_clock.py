"""UTC stands still until a jump; sleepers wake in real time, or after the jump that passes their time."""

from __future__ import annotations

import asyncio
import math

import pytest

from nightbus.clock import SteppedClock


async def test_utc_stands_still_and_the_monotonic_clock_goes_on() -> None:
    clock = SteppedClock(1_000)
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.now_ms() == 1_000
    assert clock.monotonic() >= before + 0.01
    assert (clock.until(999), clock.until(1_001)) == (0.0, math.inf)


async def test_a_jump_moves_both_clocks_and_sleepers_wake_after_it() -> None:
    clock = SteppedClock(1_000)
    early, late = (asyncio.create_task(clock.sleep(seconds)) for seconds in (60, 7200))
    await asyncio.sleep(0)
    before = clock.monotonic()
    clock.jump(3_601_000)
    assert clock.now_ms() == 3_601_000
    assert clock.monotonic() >= before + 3600
    await asyncio.sleep(0)
    assert not early.done()
    clock.wake_sleepers()
    await early
    assert not late.done()
    late.cancel()


async def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="go back"):
        SteppedClock(1_000).jump(999)


async def test_a_sleeper_that_is_cancelled_is_forgotten() -> None:
    clock = SteppedClock(0)
    sleeping = asyncio.create_task(clock.sleep(60))
    await asyncio.sleep(0)
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    clock.jump(120_000)
    clock.wake_sleepers()


async def test_no_jump_ends_a_pause_which_ends_in_real_time() -> None:
    clock = SteppedClock(0)
    long, short = asyncio.create_task(clock.pause(60)), asyncio.create_task(clock.pause(0.01))
    await asyncio.sleep(0)
    clock.jump(3_600_000)
    clock.wake_sleepers()
    await short
    assert not long.done()
    long.cancel()
