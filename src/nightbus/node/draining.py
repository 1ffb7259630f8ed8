"""Ends a node in order: it takes no new work, lets balancers send requests elsewhere, and finishes what it has.

A signal ends a node within seconds, and cuts off what takes longer; the work that a node does for the store is offered
again then. A node that drains waits: for deliveries, invocations and requests that are under way, each at most as long
as an invocation may take.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger("nightbus.node")
NOTICE_SECONDS = 5.0  # in which balancers see that the node is not healthy, while it goes on to answer
MOST_SECONDS = 900  # of an invocation
_LOOK_SECONDS = 0.05


class Draining:
    """`give_up_work` ends what other nodes take over at once; `finish_work` ends the rest, and waits at most the given
    seconds for what runs. `invocations` is how many run."""

    def __init__(
        self,
        give_up_work: Callable[[], Awaitable[None]],
        finish_work: Callable[[float], Awaitable[None]],
        invocations: Callable[[], int],
    ) -> None:
        self._give_up_work = give_up_work
        self._finish_work = finish_work
        self._invocations = invocations
        self._task: asyncio.Task[None] | None = None
        self.end: Callable[[], None] = lambda: (
            None
        )  # closes the listener, and ends the node after the requests

    @property
    def has_begun(self) -> bool:
        return self._task is not None

    def begin(self) -> None:
        """Once; it cannot be taken back."""
        if self._task is None:
            log.warning("this node drains: it takes no new work, and ends when what it has is done")
            self._task = asyncio.create_task(self._run(), name="draining")

    async def _run(self) -> None:
        notice = asyncio.create_task(asyncio.sleep(NOTICE_SECONDS))
        try:
            await self._give_up_work()
            await self._finish_work(MOST_SECONDS)
            await notice
        except Exception:
            log.exception("the node does not finish its work in order")
        finally:
            self.end()

    async def finish_invocations(self) -> None:
        """To be called when all requests are answered: wait for invocations that no request waits for."""
        if self._task is None:
            return
        for _ in range(int(MOST_SECONDS / _LOOK_SECONDS)):
            if not self._invocations():
                return
            await asyncio.sleep(_LOOK_SECONDS)
        log.warning("%d invocations still run and are cut off", self._invocations())
