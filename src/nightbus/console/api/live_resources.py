"""Follows traffic and the depths of queues for a live stream."""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.console.api.graphs import traffic_of
from nightbus.console.api.map import traffic_now
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.values import Answer, encoded
from nightbus.messaging.queue import KIND, Queue
from nightbus.store.interface import Touched

_TRAFFIC_MS = 1000
_TRAFFIC_SECONDS = 10
_QUEUES_MS = 1000
_QUEUE_LOGS = "sqs/"


class QueueDepth(Answer, frozen=True):
    """The depth of one queue, when something came or went."""

    name: str
    visible: int
    in_flight: int
    delayed: int


class TrafficTopic:
    """The traffic of the last ten seconds, each second; once more when it has ended, and then no more."""

    every_ms = _TRAFFIC_MS

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._had_some = True

    async def read(self) -> Sequence[bytes]:
        request = self._request
        fold = await request.kept(traffic_of).of(request.scope)
        traffic = traffic_now(fold, _TRAFFIC_SECONDS, request.now_ms())
        has_some = bool(traffic.edges or traffic.nodes)
        shown = has_some or self._had_some
        self._had_some = has_some
        return [encoded(traffic)] if shown else ()

    def close(self) -> None:
        """Nothing is held: the reader forgets a scope that nobody asks for."""


class QueuesTopic:
    """The depths of queues that a commit has touched since; at first of all."""

    every_ms = _QUEUES_MS

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._touched: set[str] | None = None  # names of queues; None for all
        self._busy: set[str] = set()  # what is in flight becomes visible without a commit
        self._stop = request.store.watch(self._note, [KIND], queues=True)

    def _note(self, touched: Touched | None) -> None:
        if touched is None or touched.records:
            self._touched = None
        if touched is None or self._touched is None:
            return
        for scope, queue in touched.queues:
            if scope == self._request.scope and queue.startswith(_QUEUE_LOGS):
                self._touched.add(queue.split("/")[1])

    async def read(self) -> Sequence[bytes]:
        request, touched = self._request, self._touched
        self._touched = set()
        if touched is None:
            records = await request.store.list(request.scope, KIND)
            queues = [Queue.of(request.scope, record) for record in records]
        else:
            found = [await request.platform.queues.find(request.scope, one) for one in touched | self._busy]
            queues = [one for one in found if one is not None]
        depths = [await self._depth(one) for one in queues]
        self._busy = {one.name for one in depths if one.in_flight or one.delayed}
        return [encoded(one) for one in depths]

    async def _depth(self, queue: Queue) -> QueueDepth:
        counts = await self._request.platform.queues.count(queue)
        return QueueDepth(
            name=queue.name, visible=counts.free, in_flight=counts.leased, delayed=counts.delayed
        )

    def close(self) -> None:
        self._stop()
