"""Hands the items of one queue to those on this node who ask for some, in the order in which they came.

One task for each queue looks for all of them: a look asks for as many items as they want together, and what asks while
a look is under way goes into the next one. So a queue that a thousand long polls wait for is looked at once when
something comes, and under load many receives are one statement. Of a queue that is leased by group each gets what a
look of its own gives, since nobody may have a part of what another one got; where there is nothing for the first one
there is nothing for the others.

Who waits is woken by `wake`, and when an item is ready next.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from nightbus.clock import Clock
from nightbus.store.interface import Item, StoreUnavailable

_MOST_AT_ONCE = 1_000  # items of one look
_OUTAGE_PAUSE_SECONDS = 0.25


class Queue(Protocol):
    """One queue in the database. `number`: its own, None while it has none."""

    number: int | None

    async def take(self, limit: int, lease_ms: int) -> list[Item]: ...

    def give_back(self, items: Sequence[Item]) -> None:
        """Nobody is there any more to whom they could go."""
        ...

    async def next_ready(self) -> int | None:
        """When after now (UTC ms) an item may be offered."""
        ...


class Request:
    """`patient`: it waits where there is nothing, until it is withdrawn."""

    __slots__ = ("answer", "lease_ms", "limit", "looked", "patient")

    def __init__(self, limit: int, lease_ms: int, patient: bool) -> None:
        self.limit = limit
        self.lease_ms = lease_ms
        self.patient = patient
        self.looked = False
        self.answer: asyncio.Future[list[Item]] = asyncio.get_running_loop().create_future()


class WaitingLine:
    """`ended` is called when nobody is in the line any more; it is not used again then."""

    def __init__(self, queue: Queue, clock: Clock, by_group: bool, ended: Callable[[], None]) -> None:
        self.next_ready: int | None = None
        self.by_group = by_group
        self.looking = True  # at the database
        self.queue = queue
        self._clock = clock
        self._ended = ended
        self._requests: dict[Request, None] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, limit: int, lease_ms: int, patient: bool) -> Request:
        request = Request(limit, lease_ms, patient)
        self._requests[request] = None
        self._woken.set()
        if self._task is None:
            self._task = asyncio.create_task(self._serve(), name="look for items of a queue")
        return request

    def time_is_over(self, request: Request) -> None:
        """It waits no longer; a look that was not made yet is still made for it."""
        request.patient = False
        if request.looked:
            self._answer(request, [])

    def withdraw(self, request: Request) -> list[Item]:
        """Nobody waits for the answer any more. Returns what it has got already."""
        answer = request.answer
        items = [] if not answer.done() or answer.cancelled() or answer.exception() else answer.result()
        self._answer(request, [])
        return items

    def wake(self) -> None:
        self.looking = True
        self._woken.set()

    def sooner(self, at: int) -> None:
        """An item is ready at `at` (UTC ms): look then, where that is before the next look."""
        if self.next_ready is None or at < self.next_ready:
            self.wake()
            self.next_ready = at

    async def close(self) -> None:
        """Answer all with nothing, and wait for the look that is under way."""
        for request in list(self._requests):
            self._answer(request, [])
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self) -> None:
        try:
            while self._requests:
                self.looking, self.next_ready = True, None
                self._woken.clear()
                try:
                    await self._look_for_all()
                    if self._requests and not self._woken.is_set():
                        await self._pause()
                except StoreUnavailable as failure:  # who is ready to wait waits for the database
                    self._fail([request for request in self._requests if not request.patient], failure)
                    await asyncio.sleep(_OUTAGE_PAUSE_SECONDS)
        except Exception as failure:
            self._fail(list(self._requests), failure)
        finally:
            self._ended()

    async def _look_for_all(self) -> None:
        asking = list(self._requests)
        await self._look(asking)
        for request in asking:
            request.looked = True
            if not request.patient:
                self._answer(request, [])

    async def _look(self, asking: Sequence[Request]) -> None:
        """Until each has something, or a look gives less than it asked for."""
        while open_ones := [request for request in asking if self._is_open(request)]:
            first = open_ones[0]
            together = [first]
            if not self.by_group:
                together = [request for request in open_ones if request.lease_ms == first.lease_ms]
            wanted = min(sum(request.limit for request in together), _MOST_AT_ONCE)
            items = await self.queue.take(wanted, first.lease_ms)
            found = len(items)
            for request in together:
                if items and self._is_open(request):
                    self._answer(request, items[: request.limit])
                    items = items[request.limit :]
            if items:  # somebody left during the look
                self.queue.give_back(items)
            if found == 0 or (found < wanted and not self.by_group):
                return

    async def _pause(self) -> None:
        """Until there may be something."""
        at = await self.queue.next_ready()
        if self._woken.is_set():
            return
        self.next_ready = at
        seconds = math.inf if at is None else self._clock.until(at)
        timer = None
        if seconds < math.inf:
            timer = asyncio.ensure_future(self._clock.pause(max(0.001, seconds)))
            timer.add_done_callback(lambda done: None if done.cancelled() else self._woken.set())
        self.looking = False
        try:
            await self._woken.wait()
        finally:
            if timer is not None:
                timer.cancel()

    def _is_open(self, request: Request) -> bool:
        return request in self._requests and not request.answer.done()

    def _answer(self, request: Request, items: list[Item]) -> None:
        if self._is_open(request):
            request.answer.set_result(items)
        self._requests.pop(request, None)
        if not self._requests:
            self._woken.set()

    def _fail(self, requests: Sequence[Request], failure: Exception) -> None:
        for request in requests:
            if self._is_open(request):
                request.answer.set_exception(failure)
            self._requests.pop(request, None)
