"""Runs what a node does beside answering requests, until the node stops: work that fails begins again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from nightbus.clock import Clock
from nightbus.store.duties import on_duty
from nightbus.store.interface import Store, StoreUnavailable

log = logging.getLogger("nightbus.node")
_AGAIN_SECONDS = 5.0


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
                if _is_to_end():
                    raise
                log.error("%s: %s; it begins again in %.0f s", name, failure, _AGAIN_SECONDS)
            except Exception:
                if _is_to_end():
                    raise
                log.exception("%s failed; it begins again in %.0f s", name, _AGAIN_SECONDS)
            await self._clock.sleep(_AGAIN_SECONDS)

    async def end(self, but: str = "") -> None:
        """`but`: the name of work that is to go on. Where this is cancelled, the log says what has not ended."""
        ended = [task for task in self._tasks if task.get_name() != but]
        for task in ended:
            task.cancel()
        try:
            await asyncio.gather(*ended, return_exceptions=True)
        finally:
            _say_unfinished(ended)


def _say_unfinished(tasks: Sequence[asyncio.Task[None]]) -> None:
    late = [task.get_name() for task in tasks if not task.done()]
    if late:
        log.warning("work that is cut off before it was put in order: %s", ", ".join(late))
    failed = [task for task in tasks if task.done() and not task.cancelled() and task.exception()]
    if failed:
        names = ", ".join(task.get_name() for task in failed)
        log.warning("work that ended without being put in order (%s): %s", failed[0].exception(), names)


def _is_to_end() -> bool:
    """Whether the work was cancelled: what it does at its end may fail, and that takes the cancellation's place."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _guarded(name: str, work: Awaitable[None]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception:
        if _is_to_end():
            raise
        log.exception("%s stopped working; restart the node", name)
