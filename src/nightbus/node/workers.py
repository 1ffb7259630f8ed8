"""Defines what one of several processes on one port is given, and how they share the connections that come.

All processes (workers) listen on one socket, so that a connection that waits belongs to none of them: where a worker
dies, pauses or drains, another one takes it. The kernel does not share such connections evenly: of 16 that come at once
one worker often takes all. A socket for each worker (SO_REUSEPORT) shares them by chance, and holds those of a worker
that is not there. So each worker writes into memory that all of them have how many connections it has, and leaves a new
one to the others for some milliseconds while another one has fewer.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nightbus.node.tls_listener import TlsListener

_LEFT_SECONDS = 0.002  # in which the worker with the fewest connections takes a new one, unless it is busy
_WIDTH = 4
_NOBODY = 2**32 - 1


class ConnectionCounts:
    """How many connections each worker has, in memory that it shares with processes that are forked later."""

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, _WIDTH * workers)).cast("I")
        for worker in range(1, workers + 1):
            self.absent(worker)

    def put(self, worker: int, count: int) -> None:
        """`worker` is counted from 1."""
        self._counts[worker - 1] = count

    def absent(self, worker: int) -> None:
        """Wait for this one no more."""
        self._counts[worker - 1] = _NOBODY

    def least(self) -> int:
        return min(self._counts)


@dataclass(frozen=True, slots=True)
class Worker:
    """`number` is counted from 1. The descriptor `lifeline` can be read when the supervising process is gone."""

    number: int
    counts: ConnectionCounts
    operator_key: str
    lifeline: int

    def folder(self, data: Path) -> Path:
        """What this worker has to itself: its lock, and the environments of its functions."""
        return data / f"worker-{self.number}"


class WorkerListener(TlsListener):
    """Accepts a worker's share of the connections. `context` None: they speak plain HTTP.

    `connections` says how many the worker has, without those that have not said yet which protocol they speak.
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext | None,
        make_protocol: Callable[[], asyncio.Protocol],
        worker: Worker,
        connections: Callable[[], int],
    ) -> None:
        self._worker = worker
        self._connections = connections
        self._is_plain = context is None
        super().__init__(listener, context, make_protocol)
        self.count()

    def count(self) -> None:
        """To be called when a connection has ended, too."""
        if not self._closed:
            self._worker.counts.put(self._worker.number, self._own())

    def close(self) -> None:
        super().close()
        self._worker.counts.absent(self._worker.number)

    def _own(self) -> int:
        return self._connections() + len(self._beginning)

    def _accept(self) -> None:
        if self._own() > self._worker.counts.least():
            self._loop.remove_reader(self._listener.fileno())
            self._paused = self._loop.call_later(_LEFT_SECONDS, self._accept_anyway)
        else:
            self._accept_some(1)
            self.count()

    def _accept_anyway(self) -> None:
        if not self._closed:
            self._watch()
            self._accept_some(1)
            self.count()

    async def _begin(self, connection: socket.socket) -> None:
        if not self._is_plain:
            await super()._begin(connection)
            return
        try:
            await self._loop.connect_accepted_socket(self._make_protocol, connection)
        except OSError:  # the client is gone
            connection.close()
