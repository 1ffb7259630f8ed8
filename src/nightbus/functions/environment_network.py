"""Gives environments networks of their own, in which they reach their Runtime API, the node, and themselves.

This is the node's side of `own_network`: it takes the listeners that come over the link to the environment's init
process, and has them served by the Runtime API and by the node's HTTP server.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlsplit

from nightbus.functions.init_link import SOCKET, InitLink

_RUNTIME_API_PORT = 9001  # as on AWS
_LOOPBACK = "127.0.0.1"
_LISTENERS = 2


class Closable(Protocol):
    def close(self) -> None: ...


ServeOn = Callable[[socket.socket], Awaitable[Closable]]


class NetworkFailed(Exception):
    """The network of an environment could not be made."""


class LoopbackNetworks:
    """The networks of all environments. `serve_node` serves the node's API on one more listener; the node sets it.

    `endpoint`: the node's URL for functions, whose address is a loopback address or a name of one.
    """

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or _LOOPBACK, parts.port or 80
        self._endpoint = (_numeric(host), port)
        self.runtime_api = (_LOOPBACK, _RUNTIME_API_PORT + (port == _RUNTIME_API_PORT))
        self.serve_node: ServeOn | None = None
        self._open: set[EnvironmentNetwork] = set()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What is listened on in each of them."""
        return [self.runtime_api, self._endpoint]

    def make(self) -> EnvironmentNetwork:
        made = EnvironmentNetwork(self.addresses, self.serve_node, self._open.discard)
        self._open.add(made)
        return made

    def __len__(self) -> int:
        return len(self._open)


def _numeric(host: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    return _LOOPBACK


class EnvironmentNetwork:
    """The node's hold on one of them. `closed` is called once, with this object."""

    def __init__(
        self,
        addresses: list[tuple[str, int]],
        serve_node: ServeOn | None,
        closed: Callable[[EnvironmentNetwork], None],
    ) -> None:
        self.addresses = addresses
        self._serve_node = serve_node
        self.serve_runtime_api: Callable[[socket.socket], Awaitable[None]] | None = None
        self._closed = closed
        self.link = InitLink()
        self._server: Closable | None = None
        self._asking = asyncio.Lock()
        self._is_closed = False

    @property
    def runtime_api(self) -> str:
        """The address of the Runtime API in it."""
        return "{}:{}".format(*self.addresses[0])

    async def started(self) -> None:
        """The init process has sent the listeners before it was ready. Raises NetworkFailed."""
        runtime_api, endpoint = self._received(_LISTENERS)
        try:
            assert self.serve_runtime_api is not None
            await self.serve_runtime_api(runtime_api)
        except BaseException:
            runtime_api.close()
            endpoint.close()
            raise
        if self._serve_node is None or self._is_closed:
            endpoint.close()
        else:
            self._server = await self._serve_node(endpoint)

    def _received(self, count: int) -> list[socket.socket]:
        try:
            descriptors = self.link.receive(count)
        except OSError as failure:
            raise NetworkFailed(f"its network sent no sockets: {failure}") from failure
        made = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        for one in made:
            one.setblocking(False)
        if len(made) != count:
            for one in made:
                one.close()
            raise NetworkFailed("its network has ended")
        return made

    async def new_socket(self) -> socket.socket:
        """A socket within the network, for TCP on IPv4. Raises OSError, which the end of the network is as well."""
        async with self._asking:
            if self._is_closed:
                raise ConnectionAbortedError("the environment has ended")
            if not self.link.send(SOCKET):
                raise ConnectionAbortedError("the environment has ended")
            await self.link.readable()
            try:
                return self._received(1)[0]
            except NetworkFailed as failure:
                raise ConnectionAbortedError(str(failure)) from failure

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._server is not None:
            self._server.close()
        self.link.close()
        self._closed(self)
