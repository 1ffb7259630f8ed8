"""A proxy before PostgreSQL that cuts a connection at a commit, before the server gets it or before it answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

BEFORE, AFTER = "before", "after"  # the server has got the COMMIT
COMMIT = b"COMMIT\0"


@dataclass
class CuttingProxy:
    """`cut`: where to cut the connection that sends `at` next, None to pass all on. `cuts` counts. `away`: as a server
    that has ended, no connection is taken, and each that sends something is cut."""

    port: int = 0
    at: bytes = COMMIT
    cut: str | None = None
    cuts: int = 0
    away: bool = False


@contextlib.asynccontextmanager
async def cutting_proxy(host: str, port: int) -> AsyncIterator[CuttingProxy]:
    """Listens on 127.0.0.1, before the server at the address."""
    proxy = CuttingProxy()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if proxy.away:
            writer.transport.abort()
            return
        await _Passage(proxy, reader, writer, *await asyncio.open_connection(host, port)).run()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


class _Passage:
    def __init__(
        self,
        proxy: CuttingProxy,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._from_client, self._to_client = from_client, to_client
        self._from_server, self._to_server = from_server, to_server
        self._is_cut = False

    async def run(self) -> None:
        ways = [asyncio.create_task(self._there()), asyncio.create_task(self._back())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._to_client.transport.abort()
            self._to_server.transport.abort()

    async def _there(self) -> None:
        while data := await self._from_client.read(65_536):
            if self._proxy.away:
                return
            if self._proxy.cut is not None and self._proxy.at in data:
                where, self._proxy.cut = self._proxy.cut, None
                self._proxy.cuts += 1
                if where == BEFORE:
                    return
                self._is_cut = True
            self._to_server.write(data)

    async def _back(self) -> None:
        while data := await self._from_server.read(65_536):
            if self._is_cut:  # the server's answer to it
                return
            self._to_client.write(data)
