"""The client where there is no wrk: a process of its own that does nothing but send one request again and again.

Run: python bench/plane_load.py URL FILE CONNECTIONS SECONDS; it prints one line of JSON, as plane.lua does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import cast

import uvloop
from plane_wire import address, answer_end


class Sender(asyncio.Protocol):
    """One request under way at a time."""

    def __init__(self, raw: bytes) -> None:
        self.took: list[float] = []
        self.failed = 0
        self._raw = raw
        self._data = bytearray()
        self._running = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def start(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not answer_end(self._data):
            return
        now = time.perf_counter()
        self.failed += not self._data.startswith(b"HTTP/1.1 200")
        self.took.append(now - self._began)
        self._data.clear()
        if self._running:
            self._began = now
            self._transport.write(self._raw)

    def connection_lost(self, exc: Exception | None) -> None:
        self.failed += self._running

    def stop(self) -> None:
        self._running = False
        self._transport.close()


async def drive(url: str, raw: bytes, connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    pairs = [await loop.create_connection(lambda: Sender(raw), *address(url)) for _ in range(connections)]
    senders = [sender for _, sender in pairs]
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    for sender in senders:
        sender.stop()
    latencies = sorted(latency * 1000 for sender in senders for latency in sender.took) or [0.0]
    return {
        "requests": sum(len(sender.took) for sender in senders),
        "seconds": took,
        "failed": sum(sender.failed for sender in senders),
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    url, file, connections, seconds = sys.argv[1:]
    print(json.dumps(uvloop.run(drive(url, Path(file).read_bytes(), int(connections), float(seconds)))))
