"""Reads what a data folder or a cluster's database keeps, for the doctor, which looks into both by the same checks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.doctor import Patient
from nightbus.store.interface import Record
from nightbus.store.scopes import scope_text
from nightbus.store.sqlite import reads
from nightbus.store.vault import Vault

if TYPE_CHECKING:
    import asyncpg

_PAGE = 500
T = TypeVar("T")


class Contents(Protocol):
    """`running`: a node works on it. `vault` is None where its key is not here."""

    @property
    def running(self) -> bool: ...
    @property
    def vault(self) -> Vault | None: ...
    def kinds(self) -> list[str]: ...
    def records(self, kind: str) -> Iterator[tuple[str, bytes]]:
        """Yield each record's key and its value, in JSON."""

    def get(self, scope: Scope, kind: str, key: str) -> Record | None: ...
    def count_items(self, scope: Scope, queue: str) -> tuple[int, int]:
        """Return how many items of the queue are due and how many are not yet, by the clock that its nodes go by."""


class FolderContents:
    def __init__(self, patient: Patient) -> None:
        self._connection = patient.connection
        self.running = patient.running
        self.vault: Vault | None = Vault(patient.folder)

    def kinds(self) -> list[str]:
        return [kind for (kind,) in self._connection.execute("SELECT DISTINCT kind FROM record")]

    def records(self, kind: str) -> Iterator[tuple[str, bytes]]:
        yield from self._connection.execute("SELECT key, value FROM record WHERE kind = ?", (kind,))

    def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        return reads.get(self._connection, scope, kind, key)

    def count_items(self, scope: Scope, queue: str) -> tuple[int, int]:
        return reads.count_items(self._connection, scope, queue, SystemClock().now_ms())


class ClusterContents:
    """Used in a thread, while `loop`, which has the connection, runs in another one."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        loop: asyncio.AbstractEventLoop,
        vault: Vault | None,
        *,
        running: bool,
    ) -> None:
        self._connection, self._loop = connection, loop
        self.vault, self.running = vault, running

    def kinds(self) -> list[str]:
        rows = self._await(self._connection.fetch("SELECT DISTINCT kind FROM record"))
        return [row[0] for row in rows]

    def records(self, kind: str) -> Iterator[tuple[str, bytes]]:
        scope, key = "", b""
        query = (
            "SELECT key, value, scope FROM record WHERE kind = $1 AND (scope, key) > ($2, $3)"
            " ORDER BY scope, key LIMIT $4"
        )
        while rows := self._await(self._connection.fetch(query, kind, scope, key, _PAGE)):
            yield from ((row[0].decode(), row[1]) for row in rows)
            key, _, scope = rows[-1]

    def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        from nightbus.store.postgres.reads import get

        return self._await(get(self._connection, scope, kind, key))

    def count_items(self, scope: Scope, queue: str) -> tuple[int, int]:
        from nightbus.store.postgres.texts import stored

        query = (
            "SELECT count(*) FILTER (WHERE due <= now), count(*) FILTER (WHERE due > now) FROM item,"
            " (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now) AS clock"
            " WHERE queue = (SELECT id FROM name WHERE scope = $1 AND kind = 'queue' AND name = $2)"
        )
        (row,) = self._await(self._connection.fetch(query, scope_text(scope), stored(queue)))
        return int(row[0]), int(row[1])

    def _await(self, awaitable: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()
