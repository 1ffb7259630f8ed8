"""Serves the Lambda Runtime API (2018-06-01), by which an environment asks for invocations and hands in results.

One listener on a loopback port of its own per environment, so that no environment can take another one's work.
A browser lets any web page send requests to such a port too. They are refused: `Host` must be the listener's address,
which a page that had its own name rebound to a loopback address does not send, and no header may be there that only
browsers send.
What a function sends here itself, and what it does not read, takes little of the node's memory: see the bounds below.
A response with the header `Lambda-Runtime-Function-Response-Mode: streaming` goes into the invocation's
`ResponseStream`, chunk by chunk, where its caller takes one; else it is a response like others.
Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

from nightbus.functions.environment_network import EnvironmentNetwork
from nightbus.functions.logs.reports import failure_payload
from nightbus.functions.runtime_api.connection import (
    LARGEST_RESPONSE,
    OF_A_START,
    PREFIX,
    Connection,
    Invocation,
    OtherRequests,
)
from nightbus.functions.runtime_api.response_stream import LARGEST_STREAM, ResponseStream

_MOST_CONNECTIONS = 16  # of one environment; a runtime has one
_MOST_WITH_EXTENSIONS = 64
_MOST_KEPT = 2 * LARGEST_RESPONSE  # bytes of unfinished messages of all these


class Answer(NamedTuple):
    """What the runtime handed in: for `request_id`, or about its start when that is empty."""

    request_id: str
    payload: bytes
    error_type: str | None  # None for a response, else the type of the error
    too_large: bool = False  # the payload is more than a response may be, and not kept
    streamed: bool = False  # a response that went into the invocation's stream; `payload` is that of an error
    size: int = 0  # of what was streamed, in bytes
    peak: int = (
        0  # the most memory that the process ever had resident, as it says: kilobytes; 0 where it does not
    )


class RuntimeApi:
    """`ready` is called when the runtime asks for work, `answered` when it hands in a result or an error.

    `network`: the environment's own, where it listens; it ends with this object. None for the machine's.
    """

    def __init__(
        self,
        ready: Callable[[], None],
        answered: Callable[[Answer], None],
        network: EnvironmentNetwork | None = None,
    ) -> None:
        self.network = network
        self._ready = ready
        self._answered = answered
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._asking: Connection | None = None
        self._current = ""
        self._stream: ResponseStream | None = None
        self._is_cut = False  # the connection was lost in the middle of a streamed response
        self.has_started = False  # the runtime has asked for work, and its start cannot fail any more
        self.restoring: Connection | None = None  # waits to be told that its snapshot is restored
        self._kept = 0
        self.address = ""
        self.others: OtherRequests | None = None  # serves what is not of the Runtime API
        self._most_connections = _MOST_CONNECTIONS

    def expect_extensions(self) -> None:
        self._most_connections = _MOST_WITH_EXTENSIONS

    async def listen(self) -> None:
        if self.network is not None:
            self.network.serve_runtime_api = self._listen_on
            self.address = self.network.runtime_api
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    async def _listen_on(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=listener)

    @property
    def is_asked(self) -> bool:
        """Whether the runtime waits for work."""
        return self._asking is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the runtime waits for work, or for the restore of its snapshot."""
        return self._asking is not None or self.restoring is not None

    def give(self, invocation: Invocation, stream: ResponseStream | None = None) -> None:
        """Hand the invocation to the runtime, which must have asked for it. `stream` takes a streamed response."""
        if self._asking is None:
            raise RuntimeError("the runtime did not ask for work")
        connection, self._asking = self._asking, None
        self._current = invocation.request_id
        self._stream, self._is_cut = stream, False
        connection.send_invocation(invocation)

    def runtime_asks(self, connection: Connection) -> bool:
        """Take note that the runtime waits for work on this connection. False where it waits on another one, or has not
        answered the invocation that it has: who asks then is a function elsewhere on the machine's loopback.

        While it streams it may have cut its response, which is maybe not seen yet (`stream_lost`).
        """
        if self._is_cut:
            self._answer_cut_stream()
        if self._asking not in (None, connection) or (self._current and self._stream is None):
            return False
        self._asking, self.has_started = connection, True
        self._ready()
        return True

    def runtime_restores(self, connection: Connection) -> None:
        """It is initialised, and its snapshot may be taken."""
        self.restoring = connection
        self._ready()

    def restore(self) -> None:
        connection, self.restoring = self.restoring, None
        if connection is not None:
            connection.reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _answer_cut_stream(self) -> None:
        """The runtime goes on to the next invocation without having ended its response."""
        request_id, self._current, self._is_cut = self._current, "", False
        kind = "Runtime.TruncatedResponse"
        payload = failure_payload(kind, f"RequestId: {request_id} Error: Response stream truncated")
        self._answered(Answer(request_id, payload, kind, streamed=True))

    def stream_of(self, path: bytes) -> ResponseStream | None:
        """The stream for a response that the runtime begins to stream; None where the response is to be whole."""
        is_current = path == b"invocation/" + self._current.encode() + b"/response"
        return self._stream if self._current and is_current and not self._is_cut else None

    def take_streamed(self, path: bytes, error: tuple[str, bytes] | None, size: int) -> bool:
        """The streamed response of that many bytes has ended; with the error that its trailers name, if any."""
        if self.stream_of(path) is None:
            return False
        request_id, self._current = self._current, ""
        kind, payload = error or (None, b"")
        too_large = size > LARGEST_STREAM
        self._answered(Answer(request_id, payload, kind, too_large=too_large, streamed=True, size=size))
        return True

    def stream_lost(self, path: bytes) -> None:
        if self.stream_of(path) is not None:
            self._is_cut = True
            if self.is_asked:
                self._answer_cut_stream()

    def take(self, path: bytes, error_type: str | None, body: bytes | None, peak: int) -> bool:
        """False for what the Runtime API does not have, or for an invocation that is not the current one."""
        if path in OF_A_START:
            self._answered(Answer("", body or b"", error_type or "Unknown"))
            return True
        parts = path.split(b"/")
        if len(parts) != 3 or parts[0] != b"invocation" or parts[1].decode("latin-1") != self._current:
            return False
        if parts[2] not in (b"response", b"error"):
            return False
        failed = (error_type or "Unhandled") if parts[2] == b"error" else error_type
        request_id, self._current = self._current, ""
        self._answered(Answer(request_id, body or b"", failed, too_large=body is None, peak=peak))
        return True

    def take_response(self, request_id: str, body: bytes, peak: int) -> bool:
        """False for an invocation that is not the current one."""
        if request_id != self._current:
            return False
        self._current = ""
        self._answered(Answer(request_id, body, None, peak=peak))
        return True

    def expected_head(self, request_id: str) -> bytes:
        """What a response from `runtime_client` begins with, up to its peak and its size."""
        line = f"POST {PREFIX.decode()}invocation/{request_id}/response HTTP/1.1"
        return f"{line}\r\nHost: {self.address}\r\nNightbus-Next: ".encode()

    def connected(self, connection: Connection) -> bool:
        """False where there are too many."""
        if len(self._connections) >= self._most_connections:
            return False
        self._connections.add(connection)
        return True

    def keep(self, size: int) -> bool:
        """Whether there is room for that many bytes more of unfinished messages; fewer where it is negative."""
        if self._kept + size > _MOST_KEPT:
            return False
        self._kept += size
        return True

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        if self.network is not None:
            self.network.close()
