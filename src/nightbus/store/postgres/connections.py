"""Opens a node's connections to the database: a pool for reads and leases, one that writes, one that listens.

A node with an embedded store loads this module for its settings. So the driver (asyncpg) is imported when a connection
is made, and at the head of no module.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightbus.store.postgres.primaries import Primaries, servers_of
from nightbus.store.postgres.refusals import SYSTEM, tls_settings
from nightbus.store.postgres.timelines import Timelines

if TYPE_CHECKING:
    import ssl

    import asyncpg

_NO_SETTINGS: Mapping[str, str] = {}
_MOST_READERS = 8
_STATEMENT_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 2.0
# A node that stops in the middle of a transaction (SIGSTOP, a cut cable) holds locks which others wait for.
_IDLE_IN_TRANSACTION_MS = 2_000


@dataclass(frozen=True, slots=True)
class Database:
    """`url` is a PostgreSQL URI, as libpq takes it (`postgresql://user@host:5432/database?sslmode=...`), without
    secrets in what is logged: `shown` is that. `schema` has the tables. `polls`: do without what not every database
    with PostgreSQL's protocol has (LISTEN and NOTIFY, advisory locks). `password` is for a URL that has none.

    `primaries` and `timelines` are what this node knows of the servers: its connections come from one such object.
    """

    url: str = field(repr=False)
    schema: str = "nightbus"
    polls: bool = False
    password: str | None = field(default=None, repr=False)
    primaries: Primaries = field(init=False, repr=False, compare=False)
    timelines: Timelines = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "timelines", Timelines(self.shown))
        object.__setattr__(self, "primaries", Primaries(servers_of(self.url), self.timelines))

    @property
    def shown(self) -> str:
        """The URL without its password and its parameters."""
        from urllib.parse import urlsplit

        parts = urlsplit(self.url)
        _, _, host = parts.netloc.rpartition("@")
        return f"{parts.scheme}://{host}{parts.path}"

    async def connect(
        self,
        *,
        name: str = "nightbus",
        statement_seconds: float = _STATEMENT_SECONDS,
        though_silent: bool = False,
    ) -> asyncpg.Connection:
        """One connection outside of any pool. `statement_seconds`: how long a statement may take; `though_silent`: try
        to connect also while the database is known to answer nothing.

        Raises asyncpg.PostgresError, OSError (FormerPrimary is one), TimeoutError.
        """
        connect = self._connecting(name, statement_seconds)
        return await self.primaries.connect(connect, though_silent=though_silent)

    async def look_for_newer_primary(self) -> None:
        """Where the URL names several servers: until cancelled, find out which one was promoted."""
        await self.primaries.look_for_newer(self._connecting("nightbus looks", _LOOK_SECONDS))

    def _connecting(self, name: str, statement_seconds: float) -> functools.partial[Any]:
        import asyncpg

        return functools.partial(
            asyncpg.connect,
            self.url,
            password=self.password,
            ssl=self._tls(),
            timeout=_CONNECT_SECONDS,
            command_timeout=statement_seconds,
            server_settings=self._settings(name),
        )

    async def pool(
        self, size: int = _MOST_READERS, *, name: str = "nightbus", settings: Mapping[str, str] = _NO_SETTINGS
    ) -> asyncpg.Pool:
        """`settings` hold for its connections. What a borrower sets otherwise stays set: a connection comes back
        without being reset, which saves a round trip. Connects when it is first used."""
        import asyncpg

        class Connection(asyncpg.Connection):
            def get_reset_query(self) -> str:
                return ""

        async def connect(*url: Any, **options: Any) -> Any:
            return await self.primaries.connect(functools.partial(asyncpg.connect, *url, **options))

        return await asyncpg.create_pool(
            self.url,
            password=self.password,
            ssl=self._tls(),
            min_size=0,  # asyncpg logs a traceback each time it cannot restore a smallest number
            max_size=size,
            connect=connect,
            connection_class=Connection,
            timeout=_CONNECT_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            server_settings={**self._settings(name), **settings},
        )

    def _tls(self) -> ssl.SSLContext | None:
        """None leaves it to the driver, which does not know `sslrootcert=system`."""
        if tls_settings(self.url).get("sslrootcert") != SYSTEM:
            return None
        import ssl

        return ssl.create_default_context()

    def _settings(self, name: str) -> dict[str, str]:
        return {
            "application_name": name,
            "search_path": f'"{self.schema}"',
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
            "timezone": "UTC",
        }
