"""Keeps queues to the quota of messages in flight, over all nodes together, without counting at each receive.

A node counts what a queue has in flight when it has handed out `_UNCOUNTED` messages of it since the last time, and
each second where that was more than half of the quota. Between two counts it adds what it hands out itself. So the
quota is approximate, as AWS's is: each node may exceed it by `_UNCOUNTED`, and by what others hand out within a second.
Source: quotas-queues.html and quotas-fifo.html of
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/.
"""

from __future__ import annotations

from dataclasses import dataclass

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.messaging.queue import KIND, Queue
from nightbus.store.interface import Store, Touched

MOST = 120_000  # of a standard queue, and of a FIFO queue
_UNCOUNTED = 1_000
_SECONDS = 1.0
_MOST_KNOWN = 10_000


@dataclass(slots=True)
class _Counted:
    """`number` were in flight at `at` (monotonic), or were handed out since by this node, `since` of them."""

    number: int = 0
    since: int = 0
    at: float = 0.0


class InFlight:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queues: Bounded[tuple[Scope, str], _Counted] = Bounded(_MOST_KNOWN)
        store.watch(self._touched, (KIND,))

    async def has_room(self, queue: Queue) -> bool:
        """Return whether the queue may have more messages in flight. Raises StoreUnavailable."""
        counted = self._queues.get((queue.scope, queue.name))
        if counted is None:
            return True
        now = self._clock.monotonic()
        is_near = counted.number > MOST // 2
        if counted.since >= _UNCOUNTED or (is_near and now - counted.at >= _SECONDS):
            counted.since, counted.at = 0, now  # others that come meanwhile do not count as well
            counted.number = await self._store.leased(queue.scope, queue.queue, MOST)
        return counted.number < MOST

    def add(self, queue: Queue, messages: int) -> None:
        """So many were handed out."""
        name = queue.scope, queue.name
        counted = self._queues.get(name)
        if counted is None:
            counted = self._queues[name] = _Counted()
        counted.number += messages
        counted.since += messages

    def _touched(self, touched: Touched | None) -> None:
        """A queue that was changed may have been deleted."""
        if touched is None:
            for counted in self._queues.values():
                counted.since = _UNCOUNTED  # it is counted when it is asked for
        else:
            for record in touched.records:
                self._queues.pop((record.scope, record.key), None)

    def __len__(self) -> int:
        return len(self._queues)
