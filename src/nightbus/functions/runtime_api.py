"""Serves the Lambda Runtime API (2018-06-01), by which an environment asks for invocations and hands in results.

One listener on a loopback port of its own per environment, so that no environment can take another one's work.
A browser lets any web page send requests to such a port too. They are refused: `Host` must be the listener's address,
which a page that had its own name rebound to a loopback address does not send, and no header may be there that only
browsers send.
What a function sends here itself, and what it does not read, takes little of the node's memory: see the bounds below.
Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import httptools

from nightbus.aws.http_heads import MOST_HEADERS, TooManyHeaders

_PREFIX = b"/2018-06-01/runtime/"
LARGEST_RESPONSE = 6_291_556
_OF_BROWSERS = frozenset({b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})
_MOST_CONNECTIONS = 16  # of one environment; a runtime has one
_MOST_KEPT = 2 * LARGEST_RESPONSE  # bytes of unfinished messages of all these
_MOST_BESIDES_BODY = 2 * 1024 * 1024  # of one message; the runtime sends a megabyte for X-Ray in a header
_LONGEST_ERROR_TYPE = 1024
_MOST_DIGITS = 12
_NEXT = (
    b"nightbus-next"  # a response with this header asks for the next invocation; its value is `Answer.peak`
)
_THEN_SIZE = b"\r\nContent-Length: "
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f]"
)  # what could end a header, and begin what the function takes for its payload


def _is_number(text: bytes) -> bool:
    return len(text) <= _MOST_DIGITS and text.isdigit()


def _one_line(text: str) -> str:
    return text if text.isprintable() else _CONTROL.sub(" ", text)


def _reply(status: str, body: str) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


_ACCEPTED = _reply("202 Accepted", '{"status":"OK"}\n')
_FOREIGN = _reply("400 Bad Request", '{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')
_OF_A_PAGE = _reply("403 Forbidden", '{"errorMessage":"Forbidden","errorType":"Forbidden"}')
_TOO_LARGE = _reply(
    "413 Payload Too Large",
    '{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).",'
    '"errorType":"RequestEntityTooLarge"}',
)


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation as the runtime gets it."""

    request_id: str
    payload: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime handed in: for `request_id`, or about its start when that is empty."""

    request_id: str
    payload: bytes
    error_type: str | None  # None for a response, else the type of the error
    too_large: bool = False  # the payload is more than a response may be, and not kept
    peak: int = (
        0  # the most memory that the process ever had resident, as it says: kilobytes; 0 where it does not
    )


class RuntimeApi:
    """`ready` is called when the runtime asks for work, `answered` when it hands in a result or an error."""

    def __init__(self, ready: Callable[[], None], answered: Callable[[Answer], None]) -> None:
        self._ready = ready
        self._answered = answered
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._asking: _Connection | None = None
        self._current = ""
        self._kept = 0
        self.address = ""

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = f"{host}:{port}"

    @property
    def is_asked(self) -> bool:
        """Whether the runtime waits for work."""
        return self._asking is not None

    def give(self, invocation: Invocation) -> None:
        """Hand the invocation to the runtime, which must have asked for it."""
        if self._asking is None:
            raise RuntimeError("the runtime did not ask for work")
        connection, self._asking = self._asking, None
        self._current = invocation.request_id
        connection.send_invocation(invocation)

    def runtime_asks(self, connection: _Connection) -> None:
        self._asking = connection
        self._ready()

    def take(self, path: bytes, error_type: str | None, body: bytes | None, peak: int) -> bool:
        """False for what the Runtime API does not have, or for an invocation that is not the current one."""
        if path == b"init/error":
            self._answered(Answer("", body or b"", error_type or "Unknown"))
            return True
        parts = path.split(b"/")
        if len(parts) != 3 or parts[0] != b"invocation" or parts[1].decode("latin-1") != self._current:
            return False
        if parts[2] not in (b"response", b"error"):
            return False
        failed = (error_type or "Unhandled") if parts[2] == b"error" else None
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
        line = f"POST {_PREFIX.decode()}invocation/{request_id}/response HTTP/1.1"
        return f"{line}\r\nHost: {self.address}\r\nNightbus-Next: ".encode()

    def connected(self, connection: _Connection) -> bool:
        """False where there are too many."""
        if len(self._connections) >= _MOST_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def keep(self, size: int) -> bool:
        """Whether there is room for that many bytes more of unfinished messages; fewer where it is negative."""
        if self._kept + size > _MOST_KEPT:
            return False
        self._kept += size
        return True

    def lost(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._asking is connection:
            self._asking = None

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()


class _Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of a runtime."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._error_type: str | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._kept = 0
        self._besides = 0
        self._expects = False
        self._hosts: list[bytes] = []
        self._of_browser = False
        self._headers = 0
        self._in_message = False
        self._asks_next = False
        self._peak = 0
        self._given = ""  # the id of the invocation that it got last
        self._expected = b"-"  # what the response to that begins with, where nothing unusual is in it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's without being one.
        self._transport = cast(asyncio.Transport, transport)
        if not self._api.connected(self):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_body()
        self._api.lost(self)

    def pause_writing(self) -> None:
        """It does not read the replies: nothing more is read of it either."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if not self._in_message and data.startswith(self._expected) and self._take_whole(data):
            return
        self._besides += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()
        if self._besides > _MOST_BESIDES_BODY:
            self.close()

    def _take_whole(self, data: bytes) -> bool:
        """Take the response that is expected, where `data` is all of it and nothing else. False where it is not."""
        began = len(self._expected)
        end = data.find(b"\r\n\r\n", began)
        peak, _, size = data[began:end].partition(_THEN_SIZE)
        if end < 0 or not (_is_number(peak) and _is_number(size)) or len(data) - end - 4 != int(size):
            return False
        body = data[end + 4 :]
        if len(body) > LARGEST_RESPONSE or not self._api.take_response(self._given, body, int(peak)):
            return False
        self._api.runtime_asks(self)
        return True

    def on_message_begin(self) -> None:
        self._in_message = True
        self._url, self._error_type, self._size = b"", None, 0
        self._expects = self._of_browser = self._asks_next = False
        self._peak = 0
        self._hosts = []
        self._headers = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        if self._headers > MOST_HEADERS:
            raise TooManyHeaders
        name = name.lower()
        if name == b"lambda-runtime-function-error-type":
            self._error_type = value[:_LONGEST_ERROR_TYPE].decode("latin-1")
        elif name == b"expect":
            self._expects = value.lower() == b"100-continue"
        elif name == b"host":
            self._hosts.append(value)
        elif name == _NEXT:
            self._asks_next, self._peak = True, int(value) if _is_number(value) else 0
        elif name in _OF_BROWSERS:
            self._of_browser = True

    def on_headers_complete(self) -> None:
        if self._expects:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._besides -= len(body)
        if self._size > LARGEST_RESPONSE:
            self._forget_body()
        elif self._api.keep(len(body)):
            self._kept += len(body)
            self._body.append(body)
        else:
            self.close()

    def _forget_body(self) -> None:
        self._api.keep(-self._kept)
        self._body, self._kept = [], 0

    def on_message_complete(self) -> None:
        path = self._url.removeprefix(_PREFIX)
        method = self._parser.get_method()
        if self._of_browser or self._hosts != [self._api.address.encode()]:
            self._write(_OF_A_PAGE)
        elif method == b"GET" and path == b"invocation/next":
            self._api.runtime_asks(self)
        elif method == b"POST" and self._api.take(path, self._error_type, self._whole_body(), self._peak):
            if self._size > LARGEST_RESPONSE:
                self._write(_TOO_LARGE)
            elif self._asks_next:
                self._api.runtime_asks(self)
            else:
                self._write(_ACCEPTED)
        else:
            self._write(_FOREIGN)
        self._in_message = False
        self._forget_body()
        self._besides = 0

    def _whole_body(self) -> bytes | None:
        return b"".join(self._body) if self._size <= LARGEST_RESPONSE else None

    def send_invocation(self, invocation: Invocation) -> None:
        given = "".join([f"{name}: {_one_line(value)}\r\n" for name, value in invocation.headers.items()])
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(invocation.payload)}\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n{given}\r\n"
        )
        self._given = invocation.request_id
        self._expected = self._api.expected_head(invocation.request_id)
        self._write(head.encode() + invocation.payload)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
