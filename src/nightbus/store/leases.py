"""Who works on which item, until when, and who waits for the next one?

Leases live in memory: after a crash every item that was not acknowledged is offered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from nightbus.aws.calls import Scope

QueueName = tuple[Scope, str]


@dataclass(slots=True)
class _Queue:
    leased: dict[int, int] = field(default_factory=dict)  # item → UTC ms at which the lease ends
    waiting: set[asyncio.Future[None]] = field(default_factory=set)


class Leases:
    def __init__(self) -> None:
        self._queues: dict[QueueName, _Queue] = {}
        self._queue_of: dict[int, QueueName] = {}
        self._attempts: dict[int, int] = {}

    def leased(self, name: QueueName, now: int) -> dict[int, int]:
        """The items of the queue that somebody has."""
        state = self._queues.setdefault(name, _Queue())
        for item in [item for item, ends in state.leased.items() if ends <= now]:
            del state.leased[item]
        return state.leased

    def take(self, name: QueueName, item: int, ends: int) -> int:
        """Lease the item; which attempt this is."""
        self._queues[name].leased[item] = ends
        self._queue_of[item] = name
        self._attempts[item] = attempt = self._attempts.get(item, 0) + 1
        return attempt

    def done(self, item: int) -> None:
        self._attempts.pop(item, None)
        self._let_go(item)

    def given_back(self, item: int) -> None:
        name = self._let_go(item)
        if name is not None:
            self.wake(name)

    def _let_go(self, item: int) -> QueueName | None:
        name = self._queue_of.pop(item, None)
        if name is not None:
            self._queues[name].leased.pop(item, None)
        return name

    def wait(self, name: QueueName) -> asyncio.Future[None]:
        """Done when something was put into the queue or given back to it."""
        state = self._queues.setdefault(name, _Queue())
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state.waiting.add(woken)
        woken.add_done_callback(state.waiting.discard)
        return woken

    def wake(self, name: QueueName) -> None:
        _finish(list(self._queues[name].waiting) if name in self._queues else ())

    def wake_all(self) -> None:
        for name in self._queues:
            self.wake(name)


def _finish(futures: Iterable[asyncio.Future[None]]) -> None:
    for woken in futures:
        if not woken.done():
            woken.set_result(None)
