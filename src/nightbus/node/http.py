"""Speaks HTTP/1.1 with clients: uvicorn's protocol, with writes joined and requests limited.

A response's head and body leave in one write, since each write costs a system call. uvicorn writes them one after the
other; it is handed a transport that waits for the second. uvicorn limits neither the head of a request nor how many
requests a client sends ahead of their answers, and parses both on the event loop, before the gate sees a request.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from nightbus.aws.http_heads import MOST_HEADERS, HeadLimit, TooManyHeaders

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
    """What goes over a limit is answered 400, and its connection closed."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._limit = HeadLimit()
        super().connection_made(_JoiningTransport(transport, self.loop))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._limit.takes(len(data)):
            super().data_received(data)
        else:
            self._unset_keepalive_if_required()
            self.send_400_response("The header section of the request is too large.")

    def on_message_begin(self) -> None:
        self._limit.began()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if (
            len(self.headers) > MOST_HEADERS
        ):  # fewer than the bytes of a head allow: looked at once, not for each
            raise TooManyHeaders
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise TooManyRequests
        self._limit.progressed()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._limit.progressed()
        super().on_body(body)
