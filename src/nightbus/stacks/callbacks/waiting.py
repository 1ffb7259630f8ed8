"""Waits until records of the store are as somebody needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from nightbus.clock import Clock
from nightbus.store.interface import Store, Touched

T = TypeVar("T")


async def wait_until(
    store: Store,
    clock: Clock,
    kinds: Iterable[str],
    look: Callable[[], Awaitable[T | None]],
    deadline: int | None = None,
) -> T | None:
    """Return what `look` returns, once that is not None; None if the clock passes `deadline` (UTC ms) before.

    `look` runs at once, and again after each change of a record of `kinds`.
    """
    changed = asyncio.Event()

    def note(touched: Touched | None) -> None:
        if touched is None or any(name.kind in watched for name in touched.records):
            changed.set()

    watched = frozenset(kinds)
    unwatch = store.watch(note, list(watched))
    try:
        while True:
            changed.clear()
            seen = await look()
            if seen is not None:
                return seen
            left = None if deadline is None else (deadline - clock.now_ms()) / 1000
            if left is not None and left <= 0:
                return None
            await _either(changed, clock, left)
    finally:
        unwatch()


async def _either(changed: asyncio.Event, clock: Clock, seconds: float | None) -> None:
    waiting: list[asyncio.Future[object]] = [asyncio.ensure_future(changed.wait())]
    if seconds is not None:
        waiting.append(asyncio.ensure_future(clock.sleep(seconds)))
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
