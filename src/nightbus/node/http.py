"""Speaks HTTP/1.1 with clients: uvicorn's protocol, with writes joined and requests limited.

A response's head and body leave in one write, since each write costs a system call. uvicorn writes them one after the
other; it is handed a transport that waits for the second. What is whole from the beginning, as nearly every response,
is written by `HttpProtocol._respond`, which spares the two messages of ASGI and what uvicorn looks for in them.
uvicorn limits neither the head of a request, nor how long a request takes to come, nor how many requests a client sends
ahead of their answers, and parses all on the event loop, before the gate sees a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from nightbus.aws.http_heads import MOST_HEADERS, HeadLimit, TooManyHeaders
from nightbus.gateway.response import ABORT, RESPOND
from nightbus.node.patience import SECONDS, Patience
from nightbus.node.uvicorn_parts import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

_MOST_PIPELINED = 100


class _JoiningTransport:
    """Holds a write until the next one of the same turn of the loop, or that turn's end."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: bytes | None = None

    def write(self, data: bytes) -> None:
        if self._held is None:
            self._held = data
            self._loop.call_soon(self._flush)
        else:
            held, self._held = self._held, None
            self._transport.write(held + data)

    def write_whole(self, data: bytes) -> None:
        """Write data that no other data follows soon, without a delay."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class TooManyRequests(Exception):
    """A client sent more requests than it may before it reads their answers."""


class HttpProtocol(HttpToolsProtocol):
    """Answers 400 to a request over a limit, and closes its connection, as it does with one that does not go on."""

    patience_seconds = SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._limit = HeadLimit()
        self._joining = _JoiningTransport(transport, self.loop)
        super().connection_made(self._joining)  # type: ignore[arg-type]
        self._patience = Patience(self.loop, self._lets_wait, self._joining.close, self.patience_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._limit.takes(len(data)):
            idle_since = self.scope if self.timeout_keep_alive_task is not None else None
            super().data_received(data)
            if idle_since is not None and idle_since is self.scope:
                self._patience.in_head = self._patience.incomplete = True  # line breaks before a request
            self._patience.heard()
        else:
            self._unset_keepalive_if_required()
            self.send_400_response("The header section of the request is too large.")

    def on_message_begin(self) -> None:
        self._limit.counted = 0
        self._patience.in_head = self._patience.incomplete = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._patience.incomplete = False
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        if (
            len(self.headers) > MOST_HEADERS
        ):  # fewer than the bytes of a head allow: looked at once, not for each
            raise TooManyHeaders
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise TooManyRequests
        self._limit.counted = 0
        super().on_headers_complete()
        self._patience.in_head = False
        self.headers = []  # for trailers: they must not become headers, after which was looked (RFC 9110, 6.5.1)
        cycle = self.cycle
        extensions = {RESPOND: partial(self._respond, cycle), ABORT: partial(self._abort, cycle)}
        self.scope["extensions"] = extensions  # type: ignore[typeddict-item]

    def on_body(self, body: bytes) -> None:
        self._limit.counted = 0
        super().on_body(body)

    def _lets_wait(self) -> bool:
        """Return whether the node reads nothing now, or has a request before this one to answer."""
        answers = self.cycle is not None and not self.cycle.response_complete
        return self.flow.read_paused or (self._patience.in_head and answers)

    def _respond(
        self, cycle: RequestResponseCycle, status: int, headers: Mapping[bytes, bytes], body: bytes
    ) -> bool:
        """The response as a whole; its headers are checked and have the body's length. False where the connection is to
        be closed after it, or takes nothing now: then it is to be sent by ASGI's messages."""
        if cycle.response_started or cycle.disconnected or not cycle.keep_alive or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        lines = [b"%b: %b\r\n" % header for header in (*cycle.default_headers, *headers.items())]
        self._joining.write_whole(b"%b%b\r\n%b" % (STATUS_LINE[status], b"".join(lines), body))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _abort(self, cycle: RequestResponseCycle) -> None:
        """End the connection in the middle of a response, as if the client had: uvicorn then asks for no proper end."""
        cycle.disconnected = True
        cycle.message_event.set()
        self._joining.close()
