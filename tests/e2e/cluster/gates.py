"""TCP proxies between nodes and their database, which a test closes, slows down, and leads to another server.

A closed gate is a cable that was cut: connections stay, nothing passes, and what was under way arrives when the gate is
opened. The gates of a test run on one event loop, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any


class Gate:
    """Listens on `port` of loopback, and leads to `to_port`. `delay`: seconds that each piece waits, either way."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self.to_port = to_port
        self.delay = 0.0
        self.passes = asyncio.Event()
        self.passes.set()
        self.connections: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            await self.passes.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self.to_port)
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.connections.discard(task)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self.passes.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


class Gates:
    """Makes gates, and acts on them from the test's thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self._gates: list[Gate] = []

    def make(self, to_port: int) -> Gate:
        gate = Gate(to_port)
        self._run(self._open(gate))
        return gate

    async def _open(self, gate: Gate) -> None:
        server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
        gate.port = server.sockets[0].getsockname()[1]
        self._servers.append(server)
        self._gates.append(gate)

    def close_gate(self, gate: Gate) -> None:
        self._loop.call_soon_threadsafe(gate.passes.clear)

    def open_gate(self, gate: Gate) -> None:
        self._loop.call_soon_threadsafe(gate.passes.set)

    def end(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        connections = [task for gate in self._gates for task in gate.connections]
        for server in self._servers:
            server.close()
        for task in connections:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*connections, return_exceptions=True), 5)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)
