"""What the workers of a port share: the counts of their connections, by which they leave new ones to each other."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

from nightbus.node.workers import ConnectionCounts, Worker, WorkerListener


def test_a_worker_that_is_absent_is_not_waited_for() -> None:
    counts = ConnectionCounts(3)
    counts.put(1, 7)
    assert counts.least() == 7
    counts.put(3, 2)
    assert counts.least() == 2
    counts.absent(3)
    assert counts.least() == 7


async def test_connections_are_shared_evenly_and_a_busy_worker_leaves_them_to_nobody_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as bound:
        bound.setblocking(False)
        counts, held = ConnectionCounts(3), Counter[int]()
        listeners = [_listener(bound, Worker(number, counts, "", -1), held) for number in (1, 2)]
        try:
            await _connect(bound, 16)
            async with asyncio.timeout(20):
                while held.total() < 16:
                    await asyncio.sleep(0.001)
            assert held == {1: 8, 2: 8}
            counts.put(3, 0)  # one that has none, and takes none either
            await _connect(bound, 4)
            async with asyncio.timeout(20):
                while held.total() < 20:
                    await asyncio.sleep(0.001)
        finally:
            for listener in listeners:
                listener.close()
        assert counts.least() == 0


def _listener(bound: socket.socket, worker: Worker, held: Counter[int]) -> WorkerListener:
    class Held(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            held[worker.number] += 1

    own = bound.dup()  # as each process has its own descriptor
    own.setblocking(False)
    return WorkerListener(own, None, Held, worker, lambda: held[worker.number])


async def _connect(bound: socket.socket, count: int) -> None:
    await asyncio.gather(*(asyncio.open_connection(*bound.getsockname()) for _ in range(count)))
