"""Which of the servers that a URL names is the primary now?

The driver takes the first one that answers as `target_session_attrs` wants it. After a failover that may be the old
primary, which came back, or lives on. So where there are several a node asks all of them, and takes the one with the
newest timeline (`timelines`) of those that answer. It remembers which one that was, asks the others again when it can
not connect to it any more, and looks every `LOOK_SECONDS` whether another one was promoted meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from nightbus.store.postgres.timelines import Timelines

if TYPE_CHECKING:
    import asyncpg

LOOK_SECONDS = 5.0
_ANSWER_SECONDS = 2.0  # that one of several servers has
_OTHERS_SECONDS = 0.3  # that the others have when one has answered which is newer than what was known
_PORT = "5432"
Server = tuple[str, int]


class Connect(Protocol):
    """Connects to the server that `host` and `port` name, or, without them, to what the URL names."""

    def __call__(self, **server: str | int) -> Awaitable[asyncpg.Connection]: ...


class Primaries:
    """One for all connections of a node. `servers` are those that its URL names."""

    def __init__(self, servers: Sequence[Server], timelines: Timelines) -> None:
        self._servers = tuple(servers) if len(servers) > 1 else ()
        self._timelines = timelines
        self._current: Server | None = None
        self._choosing = asyncio.Lock()
        self._made: weakref.WeakKeyDictionary[asyncpg.Connection, float] = weakref.WeakKeyDictionary()
        self.is_silent = False  # it answers nothing now, as far as `nodes` knows

    @property
    def current(self) -> Server | None:
        """Of several servers the one to which `connect` has led last."""
        return self._current

    async def connect(self, connect: Connect, *, though_silent: bool = False) -> asyncpg.Connection:
        """Connect to the primary. Raises FormerPrimary, what `connect` does, and ConnectionError where it is silent.

        Of all who wait for a connection only a few try to make one at a time, each for seconds: so while the primary is
        silent one alone tries it, with `though_silent`.
        """
        if self.is_silent and not though_silent:
            raise ConnectionError("the database does not answer")
        connection = await self._connect(connect)
        self._made[connection] = time.monotonic()
        return connection

    def cut_older(self, seconds: float) -> None:
        """Cut the connections that were made that long ago, and before. Whoever waits for an answer over one of them
        hears that it was lost."""
        than = time.monotonic() - seconds
        for connection, made in list(self._made.items()):
            if made <= than and not connection.is_closed():
                connection.terminate()

    async def _connect(self, connect: Connect) -> asyncpg.Connection:
        if not self._servers:
            connection = await connect()
            await self._timelines.accept(connection)
            return connection
        found = await self._to_current(connect)
        if found is None:
            known = self._current
            async with self._choosing:  # of many that find it gone one asks all others
                found = await self._to_current(connect) if self._current != known else None
                found = found or await self._choose(connect)
        return found

    async def look_for_newer(self, connect: Connect) -> None:
        """Look at the other servers now and then, until cancelled. A newer primary among them has the connections to
        the older one cut (`Timelines.accept`), and those that are made next go there. A server that is not a copy of
        the one in use is left alone: two of them would take turns."""
        while self._servers:
            await asyncio.sleep(LOOK_SECONDS)
            for server in self._servers:
                if server == self._current:
                    continue
                before = self._timelines.newest
                with contextlib.suppress(Exception):  # it is away, a standby, or an older primary
                    (await self._ask(server, connect, only_copies=True)).terminate()
                    if self._timelines.newest != before:
                        self._current = server

    async def _to_current(self, connect: Connect) -> asyncpg.Connection | None:
        if self._current is None:
            return None
        with contextlib.suppress(Exception):  # all are asked then, and one of them says what is wrong
            return await self._ask(self._current, connect)
        return None

    async def _choose(self, connect: Connect) -> asyncpg.Connection:
        """Ask all. Who turns out to be older than another one has its connection cut. One that is not newer than what
        was known may be a primary that was replaced meanwhile: the others have all their time to say so."""
        known = self._timelines.newest
        asked = {asyncio.ensure_future(self._ask(server, connect)): server for server in self._servers}
        chosen: asyncio.Future[asyncpg.Connection] | None = None
        try:
            waiting = set(asked)
            while waiting and not any(map(_is_usable, asked)):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                found = self._timelines.newest
                suffices = found is None or known not in (found, None)
                await asyncio.wait(waiting, timeout=_OTHERS_SECONDS if suffices else _ANSWER_SECONDS)
            chosen = next(filter(_is_usable, asked), None)
            if chosen is None:
                lost = ConnectionError("the connection was lost at once")
                raise next(filter(None, map(_failure_of, asked)), lost)
            self._current = asked[chosen]
            return chosen.result()
        finally:
            for answer in asked:
                if answer is not chosen:
                    answer.cancel()
                    answer.add_done_callback(_end)

    async def _ask(
        self, server: Server, connect: Connect, *, only_copies: bool = False
    ) -> asyncpg.Connection:
        """Raises TimeoutError, OSError (FormerPrimary is one), and what `connect` does."""
        host, port = server
        async with asyncio.timeout(_ANSWER_SECONDS):
            connection = await connect(host=host, port=port)
            timeline = await self._timelines.accept(connection, only_copies=only_copies)
        if timeline is not None and not timeline.number:
            connection.terminate()
            raise ConnectionRefusedError(f"{host}:{port} is a standby")
        return connection


def _is_usable(answer: asyncio.Future[asyncpg.Connection]) -> bool:
    if not answer.done() or answer.cancelled() or answer.exception() is not None:
        return False
    return not answer.result().is_closed()


def _failure_of(answer: asyncio.Future[asyncpg.Connection]) -> BaseException | None:
    return answer.exception() if answer.done() and not answer.cancelled() else None


def _end(answer: asyncio.Future[asyncpg.Connection]) -> None:
    if not answer.cancelled() and answer.exception() is None:
        answer.result().terminate()


def servers_of(url: str) -> list[Server]:
    """The servers that the driver would try, in its order; none where a port is no number, which the driver tells."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    named = parts.netloc.rpartition("@")[2] or options.get("host", "") or os.environ.get("PGHOST", "")
    ports = options.get("port", os.environ.get("PGPORT", _PORT)).split(",")
    servers = []
    for at, text in enumerate(named.split(",") if named else ()):
        host, colon, port = text.rpartition(":")
        if not colon or (text.startswith("[") and text.endswith("]")) or "/" in text:
            host, port = text, ports[min(at, len(ports) - 1)]
        if not port.isdecimal():
            return []
        servers.append((unquote(host).strip("[]"), int(port)))
    return servers
