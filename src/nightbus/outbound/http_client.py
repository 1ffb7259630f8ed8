"""Sends one HTTP request to an endpoint of somebody else, on a connection of its own.

Redirects are not followed, and what comes back is read only as far as somebody may want to see it. The host is resolved
once, each of its addresses is judged (`addresses.py`), and the connection goes to a judged address.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import httptools

from nightbus.outbound.addresses import is_forbidden, is_nearby

_MOST_BODY = 256 * 1024
_MOST_HEAD = 64 * 1024
_CHUNK = 64 * 1024
_ENDS_BY_ITSELF = {"content-length", "transfer-encoding"}
_PORTS = {"http": 80, "https": 443}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_IN_TARGET = re.compile(r"[\x00-\x20\x7f]")
# What a resolver says of a name that is not there; that it cannot say (EAI_AGAIN) may pass.
_UNKNOWN = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class ForbiddenAddress(ValueError):
    """The host has an address to which the node does not connect for its users."""


class Unreachable(Exception):
    """There was no answer, or none that is HTTP. `timed_out`: not in time; `unknown`: its name has no
    address, or one to which the node does not connect."""

    def __init__(self, text: str, timed_out: bool = False, unknown: bool = False) -> None:
        super().__init__(text)
        self.timed_out = timed_out
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`headers` without Host, Connection and Content-Length, which are added.

    With `encrypted_unless_nearby` an `http` URL reaches loopback and private addresses only.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    encrypted_unless_nearby: bool = False


@dataclass(frozen=True, slots=True)
class HttpReply:
    """The names of the `headers` are in lower case; of a long body only the beginning is there."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    def __init__(self) -> None:
        self._tls: ssl.SSLContext | None = None

    async def send(self, request: HttpRequest, seconds: float) -> HttpReply:
        """Raises Unreachable; whatever the endpoint answers is a Reply."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(request, urlsplit(request.url))
        except TimeoutError:
            raise Unreachable(f"no answer within {seconds:g} s", timed_out=True) from None
        except (OSError, ValueError, EOFError, httptools.HttpParserError) as broken:
            unknown = isinstance(broken, ForbiddenAddress) or (
                isinstance(broken, socket.gaierror) and broken.errno in _UNKNOWN
            )
            raise Unreachable(f"{type(broken).__name__}: {broken}", unknown=unknown) from broken

    async def _exchange(self, request: HttpRequest, url: SplitResult) -> HttpReply:
        if url.scheme not in _PORTS or not url.hostname:
            raise ValueError("its address is no HTTP URL")
        if url.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        tls = self._tls if url.scheme == "https" else None
        head = _head(request, url)
        nearby_only = request.encrypted_unless_nearby and url.scheme == "http"
        reader, writer = await _connect(url.hostname, url.port or _PORTS[url.scheme], tls, nearby_only)
        try:
            writer.write(head + request.body)
            await writer.drain()
            return await _read(reader, request.method == "HEAD")
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


async def _connect(
    host: str, port: int, tls: ssl.SSLContext | None, nearby_only: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of the host's addresses that takes one. Raises OSError, ForbiddenAddress."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if is_forbidden(address):
            raise ForbiddenAddress(
                f"{host} has the address {address}, which is link-local or a cloud's metadata service"
            )
        if nearby_only and not is_nearby(address):
            raise ForbiddenAddress(f"{host} has the address {address}, which is to be reached by https only")
    failure: OSError | None = None
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=host if tls is not None else None
            )
        except ssl.SSLError:
            raise
        except OSError as refused:
            failure = refused
    raise failure or OSError(f"{host} has no address")


def _head(request: HttpRequest, url: SplitResult) -> bytes:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = {
        "Host": url.netloc.rpartition("@")[2],
        **request.headers,
        "Connection": "close",
        "Content-Length": str(len(request.body)),
    }
    if not all(map(_HEADER_NAME.fullmatch, lines)) or any(map(_CONTROL.search, lines.values())):
        raise ValueError(
            "a header's name is no token, or its value holds a control character such as a line break"
        )
    if _NOT_IN_TARGET.search(target):
        raise ValueError("the URL holds white space or a control character")
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{request.method} {target} HTTP/1.1\r\n{text}\r\n".encode()


class _Answer:
    """What the parser tells of one response; an informational one before it is forgotten."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.headers_done = False
        self.done = False
        self.body = bytearray()
        self.parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self.parser.get_status_code())

    def on_message_begin(self) -> None:
        self.headers.clear()
        self.headers_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.headers_done = self.status >= 200

    def on_body(self, data: bytes) -> None:
        self.body += data[: _MOST_BODY - len(self.body)]

    def on_message_complete(self) -> None:
        self.done = self.status >= 200


async def _read(reader: asyncio.StreamReader, head_only: bool) -> HttpReply:
    answer, taken = _Answer(), 0
    while not answer.done and not (head_only and answer.headers_done) and len(answer.body) < _MOST_BODY:
        data = await reader.read(_CHUNK)
        if not data:
            if not answer.headers_done or answer.headers.keys() & _ENDS_BY_ITSELF:
                raise EOFError("the connection ended within the answer")
            break  # an answer without a length lasts until the connection's end
        taken += len(data)
        if not answer.headers_done and taken > _MOST_HEAD:
            raise ValueError("the answer's head is too long")
        answer.parser.feed_data(data)
    return HttpReply(answer.status, answer.headers, bytes(answer.body))
