"""Accepts the connections of a node that speaks TLS: TLS from everywhere, plain HTTP from this machine only.

The first byte of a connection says which of the two it is: a TLS record of a handshake begins with 22 (RFC 8446, 5.1),
and no HTTP request does. So functions, the command line and whatever else runs beside the node reach it as before, at
the same port and without trusting its certificate, and nothing crosses a network unencrypted. A connection is from this
machine if its two ends have one address, or the other end has a loopback address; the kernel lets neither come in from
a network.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import Callable

log = logging.getLogger("nightbus.node")

_HANDSHAKE = 22
_FIRST_BYTE_SECONDS, _HANDSHAKE_SECONDS = 75.0, 15.0
_AT_ONCE = 100  # connections accepted in one turn of the loop
_PAUSE_SECONDS = 1.0
_REFUSAL = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 56\r\nconnection: close\r\n\r\n"
    b"This node speaks TLS with other machines: use https://\r\n"
)


class TlsListener:
    """Serves a listening socket until it is closed. `make_protocol` makes the protocol of one connection."""

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext | None,
        make_protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listener = listener
        self._context = context
        self._make_protocol = make_protocol
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._closed = False
        self._watch()

    def close(self) -> None:
        """Accept no more, and drop the connections that have not said which protocol they speak."""
        self._closed = True
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listener.fileno())
        for task in self._beginning:
            task.cancel()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _watch(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        self._accept_some(_AT_ONCE)

    def _accept_some(self, most: int) -> None:
        for _ in range(most):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as failure:  # no descriptor is free, say
                log.error("a connection cannot be accepted: %s", failure.strerror or failure)
                self._loop.remove_reader(self._listener.fileno())
                self._paused = self._loop.call_later(_PAUSE_SECONDS, self._watch)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._begin(connection))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    async def _begin(self, connection: socket.socket) -> None:
        """Find out what the connection speaks, and hand it to its protocol, which owns the connection from then on."""
        try:
            first = await asyncio.wait_for(self._first_byte(connection), _FIRST_BYTE_SECONDS)
            if first == bytes([_HANDSHAKE]):
                await self._loop.connect_accepted_socket(
                    self._make_protocol,
                    connection,
                    ssl=self._context,
                    ssl_handshake_timeout=_HANDSHAKE_SECONDS,
                )
            elif first and is_of_this_machine(connection):
                await self._loop.connect_accepted_socket(self._make_protocol, connection)
            else:
                if first:
                    connection.send(_REFUSAL)
                    connection.recv(65536)  # what is not read would make the kernel drop the answer
                connection.close()
        except (
            OSError,
            ssl.SSLError,
            TimeoutError,
        ):  # a scan, or a client that does not trust the certificate
            connection.close()
        except asyncio.CancelledError:
            connection.close()
            raise

    async def _first_byte(self, connection: socket.socket) -> bytes:
        """Return the first byte, which stays to be read, and nothing if the client has closed."""
        readable = self._loop.create_future()
        descriptor = connection.fileno()
        self._loop.add_reader(descriptor, _tell, readable)
        try:
            await readable
        finally:
            self._loop.remove_reader(descriptor)
        return connection.recv(1, socket.MSG_PEEK)


def is_of_this_machine(connection: socket.socket) -> bool:
    """Return whether the other end of a TCP connection is on this machine."""
    return are_of_one_machine(connection.getpeername()[0], connection.getsockname()[0])


def are_of_one_machine(other: str, own: str) -> bool:
    """Return whether a connection's other end is on this machine, by its address and that of the near end."""
    address = _address(other)
    return address.is_loopback or address == _address(own)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _tell(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
