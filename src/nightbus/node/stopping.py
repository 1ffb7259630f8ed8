"""Ends the parts of a node one after the other, within a time that the node grants all of them together.

A part may wait for a database that does not answer any more. What does not end in its time is cancelled, said in the
log, and not waited for: nothing depends on it, since what was not finished is in the store and is taken up by the other
nodes, or at the next start.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from nightbus.store.interface import StoreUnavailable

log = logging.getLogger("nightbus.node")
_MOST_SECONDS, _LEAST_SECONDS = 5.0, 0.5  # for each part, however late it is
_LEFTOVER_SECONDS = 1.0


class Stopping:
    """`has_database`: the store may be gone. Without one nothing but a slow disk is waited for, and each part may take
    five seconds."""

    def __init__(self, has_database: bool) -> None:
        self._has_database = has_database

    async def end(self, seconds: float, **closes: Callable[[], Awaitable[None]]) -> None:
        """One part after the other: with a database in `seconds` together, but half a second at least for each. Raises
        nothing of what they raise: the next one is to end, too."""
        deadline = time.monotonic() + seconds
        for name, close in closes.items():
            left = max(_LEAST_SECONDS, deadline - time.monotonic())
            await _end_within(left if self._has_database else _MOST_SECONDS, name, close)


async def _end_within(seconds: float, name: str, close: Callable[[], Awaitable[None]]) -> None:
    closing = asyncio.ensure_future(close())
    _, late = await asyncio.wait({closing}, timeout=seconds)
    if late:
        log.warning("%s: not ended within %.1f s, and cut off", name, seconds)
        closing.cancel()
    elif not closing.cancelled():
        _say(name, closing.exception())


def _say(name: str, failure: BaseException | None) -> None:
    if isinstance(failure, StoreUnavailable):
        log.warning("%s ended without being put in order: %s", name, failure)
    elif failure is not None:
        log.error("%s did not end in order", name, exc_info=failure)


async def end_leftovers() -> None:
    """Cancel every other task of the loop once more: what was cut off may be about to put something in order."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_LEFTOVER_SECONDS)
