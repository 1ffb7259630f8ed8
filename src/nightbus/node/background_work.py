"""Runs what a node does beside answering requests, until the node stops: work that fails begins again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from nightbus.clock import Clock
from nightbus.store.duties import on_duty
from nightbus.store.interface import Store, StoreUnavailable

log = logging.getLogger("nightbus.node")
_AGAIN_SECONDS = 5.0
_CLOSE_SECONDS = 5.0


class BackgroundWork:
    """Each work has a name, under which the log speaks of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, work: Awaitable[None]) -> None:
        """Do the work once; that it fails is only logged."""
        self._tasks.append(asyncio.create_task(_guarded(name, work), name=name))

    def add_lasting(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, and begin again where it fails."""
        self.add(name, self.lasting(name, work))

    def add_duty(self, store: Store, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work while no other node on the same store does it."""
        self.add_lasting(name, lambda: on_duty(store, self._clock, name, work))

    async def lasting(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Work that fails, since the disk is full say, begins again."""
        while True:
            try:
                return await work()
            except StoreUnavailable as failure:
                log.error("%s: %s; it begins again in %.0f s", name, failure, _AGAIN_SECONDS)
            except Exception:
                log.exception("%s failed; it begins again in %.0f s", name, _AGAIN_SECONDS)
            await self._clock.sleep(_AGAIN_SECONDS)

    async def end(self, but: str = "") -> None:
        """`but`: the name of work that is to go on."""
        ended = [task for task in self._tasks if task.get_name() != but]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)


async def _guarded(name: str, work: Awaitable[None]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("%s stopped working; restart the node", name)


async def in_time(*closes: Callable[[], Awaitable[None]]) -> None:
    """One after the other, each within `_CLOSE_SECONDS`."""
    for close in closes:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(close(), _CLOSE_SECONDS)
