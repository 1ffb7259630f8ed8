"""Collects telemetry events for one subscriber and sends them, batch by batch, to its listener in the sandbox.

A batch goes when it has so many items or bytes, or some time after its first event. One batch is under way at a time;
what comes meanwhile waits, up to twice the bytes of a batch. What is more is dropped and counted, and the subscriber is
told (`platform.logsDropped`) once its listener answers again. A listener that does not answer costs nobody else
anything. While the environment is frozen nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.functions.logs.platform_events import as_document, logs_dropped

_SEND_SECONDS = 2.0
_RETRY_SECONDS = 0.2
_FLUSH_SECONDS = 0.3
_KEPT_BATCHES = 2
_LONGEST_HEAD = 4096

NewSocket = Callable[[], Awaitable[socket.socket]]


@dataclass(frozen=True, slots=True)
class Buffering:
    most_items: int
    most_bytes: int
    seconds: float


class Subscriber:
    """`address` and `port` are where it listens, `host` what it calls itself. `new_socket` and
    `is_frozen`: as in `Telemetry`."""

    def __init__(
        self,
        address: str,
        port: int,
        host: str,
        path: str,
        types: Sequence[str],
        buffering: Buffering,
        new_socket: NewSocket | None = None,
        is_frozen: Callable[[], bool] = lambda: False,
    ) -> None:
        self._new_socket = new_socket
        self._is_frozen = is_frozen
        self._address = address
        self._port = port
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        self.types = types
        self._buffering = buffering
        self._loop = asyncio.get_running_loop()
        self._events: list[bytes] = []
        self._bytes = 0
        self._dropped = self._dropped_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._is_closed = False

    def add(self, document: dict[str, Any]) -> None:
        event = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
        if self._is_closed or self._bytes + len(event) > _KEPT_BATCHES * self._buffering.most_bytes:
            self._dropped += 1
            self._dropped_bytes += len(event)
            return
        self._events.append(event)
        self._bytes += len(event)
        if len(self._events) >= self._buffering.most_items or self._bytes >= self._buffering.most_bytes:
            self._send_soon()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._buffering.seconds, self._send_soon)

    @property
    def _is_held(self) -> bool:
        return self._is_closed or self._is_frozen()

    def deliver(self) -> bool:
        """Whether the listener has everything; what it does not have is sent now."""
        self._send_soon()
        return not self._events

    def _send_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sending is None and self._events and not self._is_held:
            self._sending = asyncio.create_task(self._send_all())

    async def _send_all(self) -> None:
        try:
            while self._events and not self._is_held:
                batch, size = self._batch()
                if not await self._sent(batch):
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                del self._events[: len(batch)]
                self._bytes -= size
                self._tell_dropped()
        finally:
            self._sending = None

    def _batch(self) -> tuple[list[bytes], int]:
        batch: list[bytes] = []
        size = 0
        for event in self._events[: self._buffering.most_items]:
            if batch and size + len(event) > self._buffering.most_bytes:
                break
            batch.append(event)
            size += len(event)
        return batch, size

    def _tell_dropped(self) -> None:
        if self._dropped and "platform" in self.types:
            event = logs_dropped(self._dropped, self._dropped_bytes)
            self._dropped = self._dropped_bytes = 0
            self.add(as_document(event, int(time.time() * 1000)))

    async def _sent(self, batch: Sequence[bytes]) -> bool:
        """Whether the listener took it, with a status of 2xx."""
        body = b"[" + b",".join(batch) + b"]"
        head = f"{self._head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        writer = None
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                reader, writer = await self._connected()
                writer.write(head + body)
                await writer.drain()
                status = (await reader.readline()).split(b" ", 2)
                return len(status) > 1 and status[1].startswith(b"2")
        except (OSError, ValueError, TimeoutError):
            return False
        finally:
            if writer is not None:
                writer.close()
                with contextlib.suppress(OSError):
                    writer.transport.abort()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises OSError."""
        if self._new_socket is None:
            return await asyncio.open_connection(self._address, self._port, limit=_LONGEST_HEAD)
        made = await self._new_socket()
        try:
            await self._loop.sock_connect(made, (self._address, self._port))
            return await asyncio.open_connection(sock=made, limit=_LONGEST_HEAD)
        except BaseException:
            made.close()
            raise

    async def flush(self) -> None:
        """Send what there is; a listener that does not take it is not waited for."""
        self._send_soon()
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=_FLUSH_SECONDS)

    def close(self) -> None:
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
        self._events.clear()
