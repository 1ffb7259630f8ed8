"""Speaks HTTP/1.1 with a runtime, on one connection to its environment's Runtime API.

What a request asks for, or hands in, goes to `RuntimeApi`, which decides whether it is taken. The bounds of what is
kept of an unfinished message are here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast

import httptools

from nightbus.aws.http_heads import MOST_HEADERS, TooManyHeaders
from nightbus.aws.ids import new_hex
from nightbus.functions.logs.reports import failure_payload
from nightbus.functions.runtime_api.response_stream import LARGEST_STREAM, ResponseStream

PREFIX = b"/2018-06-01/runtime/"
LARGEST_RESPONSE = 6_291_556
_OF_BROWSERS = frozenset({b"origin", b"referer", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})
_MOST_BESIDES_BODY = 2 * 1024 * 1024  # of one message; the runtime sends a megabyte for X-Ray in a header
_LONGEST_ERROR_TYPE = 1024
_MOST_DIGITS = 12
_NEXT = (
    b"nightbus-next"  # a response with this header asks for the next invocation; its value is `Answer.peak`
)
_OF_EXTENSIONS = b"lambda-extension-"  # headers that the other APIs on this port read
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


OF_A_START = (b"init/error", b"restore/error")
_ACCEPTED = _reply("202 Accepted", '{"status":"OK"}\n')
_FOREIGN = _reply("400 Bad Request", '{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}')
_NOT_NOW = _reply(
    "403 Forbidden",
    '{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}',
)
_OF_A_PAGE = _reply("403 Forbidden", '{"errorMessage":"Forbidden","errorType":"Forbidden"}')


def _too_large(limit: int) -> bytes:
    said = f"Exceeded maximum allowed payload size ({limit} bytes)."
    return _reply("413 Payload Too Large", f'{{"errorMessage":"{said}","errorType":"RequestEntityTooLarge"}}')


_TOO_LARGE = _too_large(LARGEST_RESPONSE)
_STREAM_TOO_LARGE = _too_large(LARGEST_STREAM)


class Invocation(NamedTuple):
    """One invocation as the runtime gets it."""

    request_id: str
    payload: bytes
    headers: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def at(
        cls,
        now: int,
        request_id: str,
        payload: bytes,
        seconds: float,
        arn: str,
        trace: str,
        client_context: str,
    ) -> Invocation:
        """One that begins at `now` (UTC ms) and may take that many seconds. "" makes a new `trace`."""
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(now + int(seconds * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": trace or f"Root=1-{now // 1000:08x}-{new_hex(24)};Sampled=0",
        }
        if client_context:
            headers["Lambda-Runtime-Client-Context"] = client_context
        return cls(request_id, payload, headers)


OtherRequests = Callable[["Connection", bytes, bytes, Mapping[bytes, str], bytes], bytes | None]


class Exchange(Protocol):
    """What a connection needs of its `RuntimeApi`, which says what each method does."""

    address: str
    others: OtherRequests | None
    has_started: bool

    def runtime_asks(self, connection: Connection) -> bool: ...
    def runtime_restores(self, connection: Connection) -> None: ...
    def stream_of(self, path: bytes) -> ResponseStream | None: ...
    def take_streamed(self, path: bytes, error: tuple[str, bytes] | None, size: int) -> bool: ...
    def stream_lost(self, path: bytes) -> None: ...
    def take(self, path: bytes, error_type: str | None, body: bytes | None, peak: int) -> bool: ...
    def take_response(self, request_id: str, body: bytes, peak: int) -> bool: ...
    def expected_head(self, request_id: str) -> bytes: ...
    def connected(self, connection: Connection) -> bool: ...
    def keep(self, size: int) -> bool: ...
    def lost(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection of a runtime."""

    def __init__(self, api: Exchange) -> None:
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
        self._is_last = False  # the client wants the connection closed after the reply
        self._of_extension: dict[bytes, str] = {}
        self._asks_next = False
        self._streams = False
        self._stream: ResponseStream | None = None
        self._content_type = ""
        self._error_body: bytes | None = None
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
        if self._stream is not None:
            self._api.stream_lost(self._path)
        self._api.lost(self)

    def pause_writing(self) -> None:
        """It does not read the replies: nothing more is read of it either."""
        self._pause_reading()

    def resume_writing(self) -> None:
        self._resume_reading()

    def _pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
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
        self._ask_for_work()
        return True

    def on_message_begin(self) -> None:
        self._in_message = True
        self._url, self._error_type, self._size = b"", None, 0
        self._expects = self._of_browser = self._asks_next = self._streams = False
        self._stream, self._content_type, self._error_body = None, "", None
        self._peak = 0
        self._hosts = []
        self._of_extension = {}
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
        elif name.startswith(_OF_EXTENSIONS):
            self._of_extension[name] = value[:_LONGEST_ERROR_TYPE].decode("latin-1")
        elif name == b"lambda-runtime-function-response-mode":
            self._streams = value.lower() == b"streaming"
        elif name == b"lambda-runtime-function-error-body":
            self._error_body = value
        elif name == b"content-type":
            self._content_type = value[:_LONGEST_ERROR_TYPE].decode("latin-1")

    @property
    def _path(self) -> bytes:
        return self._url.removeprefix(PREFIX)

    @property
    def _is_refused(self) -> bool:
        return self._of_browser or self._hosts != [self._api.address.encode()]

    def on_headers_complete(self) -> None:
        if self._expects:
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._streams and self._parser.get_method() == b"POST" and not self._is_refused:
            self._stream = self._api.stream_of(self._path)
            if self._stream is not None:
                self._stream.begin(self._content_type, self._resume_reading)

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        self._besides -= len(body)
        if self._stream is not None:
            self._besides = 0  # the framing of the chunks is not kept
            if self._size <= LARGEST_STREAM and not self._stream.feed(body):
                self._pause_reading()
        elif self._size > LARGEST_RESPONSE:
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
        path = self._path
        method = self._parser.get_method()
        self._is_last = not self._parser.should_keep_alive()
        if self._stream is not None:
            self._end_stream(path)
        elif self._is_refused:
            self._write(_OF_A_PAGE)
        elif self._api.others is not None and not self._url.startswith(PREFIX):
            self._answer_other(self._api.others, method)
        elif method == b"GET" and path == b"invocation/next":
            self._ask_for_work()
        elif method == b"GET" and path == b"restore/next":
            self._api.runtime_restores(self)
        elif path in OF_A_START and self._api.has_started:
            self._write(_NOT_NOW)
        elif method == b"POST" and self._api.take(path, *self._whole_answer(), self._peak):
            if self._size > LARGEST_RESPONSE:
                self._write(_TOO_LARGE)
            elif self._asks_next:
                self._ask_for_work()
            else:
                self._write(_ACCEPTED)
        else:
            self._write(_FOREIGN)
        self._in_message = False
        self._forget_body()
        self._besides = 0

    def _ask_for_work(self) -> None:
        if not self._api.runtime_asks(self):
            self._write(_NOT_NOW)

    def _answer_other(self, others: OtherRequests, method: bytes) -> None:
        answer = others(self, method, self._url, self._of_extension, b"".join(self._body))
        if answer is not None:
            self._write(answer)

    def reply(self, data: bytes) -> bool:
        """False where the connection is lost."""
        is_open = self._transport is not None and not self._transport.is_closing()
        self._write(data)
        return is_open

    def _whole_answer(self) -> tuple[str | None, bytes | None]:
        """The type of the error, if any, and the body, which is None where it is too large."""
        error = self._error_in_trailers()
        if error is not None:
            return error
        kind = self._error_type if self._path.endswith(b"/error") else None
        return kind, b"".join(self._body) if self._size <= LARGEST_RESPONSE else None

    def _error_in_trailers(self) -> tuple[str, bytes] | None:
        """The type and the body of an error in the middle of a streamed response."""
        if not self._streams or (self._error_type is None and self._error_body is None):
            return None
        try:
            body = base64.b64decode(self._error_body or b"", validate=True)
        except binascii.Error:
            body = b""
        kind = self._error_type or "Unhandled"
        return kind, body or failure_payload(kind, "")

    def _end_stream(self, path: bytes) -> None:
        too_large = self._size > LARGEST_STREAM
        taken = self._api.take_streamed(path, self._error_in_trailers(), self._size)
        self._stream = None
        self._write((_STREAM_TOO_LARGE if too_large else _ACCEPTED) if taken else _FOREIGN)

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
            if self._is_last:
                self._transport.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
