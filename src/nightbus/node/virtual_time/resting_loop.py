"""Runs an event loop that says when it has nothing to do.

The loop asks its selector to wait, with no timeout or with one above zero, exactly when no callback is ready. If no
file descriptor is ready at that moment either, every task of the node waits for a timer, a thread, or another process.
Threads are counted here. What waits for another process is counted where it is begun (`resting`).
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class _Selector(selectors.DefaultSelector):
    """`on_rest` is called before each wait; true where it has given the loop something to do."""

    on_rest: Callable[[], bool] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.on_rest is None or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        ready = super().select(0)
        if ready or self.on_rest():
            return ready
        return super().select(timeout)


class RestingLoop(asyncio.SelectorEventLoop):
    """`in_threads`: how many calls of threads have not returned, or their results were not taken up."""

    def __init__(self) -> None:
        self._notifying = _Selector()
        super().__init__(self._notifying)
        self.in_threads = 0

    def notify(self, on_rest: Callable[[], bool] | None) -> None:
        """Call `on_rest` whenever no callback is ready. It returns whether it has made one ready."""
        self._notifying.on_rest = on_rest

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        future = super().run_in_executor(executor, func, *args)
        self.in_threads += 1
        future.add_done_callback(self._returned)
        return future

    def _returned(self, _: asyncio.Future[Any]) -> None:
        self.in_threads -= 1
