"""Writes one group of batches over the node's one connection that commits, in one transaction, and makes it anew.

A connection that is lost is told apart by when: before the server was asked to commit nothing was written, after that
the outcome is unknown. `writer` decides by this whether the group is tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

from nightbus.store.postgres import plain_groups
from nightbus.store.postgres.batches import Batch, Group, group_of
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.effects import MOST_OF_A_STATEMENT
from nightbus.store.postgres.failures import is_lack_of_room, is_outage, is_tried_again
from nightbus.store.postgres.group import Outcome, Transaction
from nightbus.store.postgres.names import Names

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.group import Note

_CONNECT_SECONDS = 5.0
_STATEMENT_SECONDS = 10.0  # one that takes longer waits for a server that is gone


class OutcomeUnknown(Exception):
    """The server was asked to commit, and did not say whether it has."""


class CommitConnection:
    """Used by one task at a time. `note` writes the row that tells of changed records."""

    def __init__(self, database: Database, names: Names, note: Note) -> None:
        self._database = database
        self._names = names
        self._note = note
        self._connection: asyncpg.Connection | None = None
        self._warned = False  # by the server, in this transaction

    async def open(self) -> None:
        """Raises asyncpg.PostgresError, OSError, TimeoutError."""
        self._connection = await self._connect()

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                await self._connection.close(timeout=1)

    def drop(self) -> None:
        """End the connection, without a word to the server; the next group gets a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def write(self, batches: list[Batch]) -> Group:
        """Raises OutcomeUnknown, Stale, and what the driver does; nothing was written then, but for the first."""
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._connect()
            self._names.forget_all()
        is_small = sum(batch.size for batch in batches) < MOST_OF_A_STATEMENT
        rows = self._plain(batches) if is_small and all(batch.is_plain for batch in batches) else None
        if rows is not None and (group := await self._write_plain(connection, batches, rows)) is not None:
            return group
        try:
            outcome = await Transaction(connection, self._names, self._note).write(
                [batch.changes for batch in batches]
            )
        except BaseException:
            await self._roll_back(connection)
            raise
        if all(failure is not None for failure in outcome.failures):
            await self._roll_back(connection)
        else:
            await self._commit(connection)
        return group_of(batches, outcome)

    def _plain(self, batches: list[Batch]) -> plain_groups.Rows | None:
        rows = plain_groups.Rows()
        return rows if all(rows.add(batch.changes, self._names) for batch in batches) else None

    async def _write_plain(
        self, connection: asyncpg.Connection, batches: list[Batch], rows: plain_groups.Rows
    ) -> Group | None:
        """None where nothing was written, and the group is to be planned. Raises OutcomeUnknown, and what the driver
        does when the server has said that nothing was written."""
        self._warned = False
        try:
            ids, work = await plain_groups.write(connection, rows)
        except Exception as failure:
            if getattr(failure, "sqlstate", None) == plain_groups.DIVISION_BY_ZERO:
                return None
            if is_outage(failure) and not is_lack_of_room(failure):
                raise OutcomeUnknown(str(failure)) from failure
            raise
        if self._warned:
            raise OutcomeUnknown("the server did not wait for its standby")
        parts = [ids[first:last] for first, last in itertools.pairwise(rows.counts)]
        return group_of(batches, Outcome([None] * len(batches), parts, None, work))

    async def _commit(self, connection: asyncpg.Connection) -> None:
        self._warned = False
        try:
            answer = await connection.execute("COMMIT")
        except BaseException as failure:
            if is_tried_again(failure):  # the server says so itself: it has rolled back
                raise
            raise OutcomeUnknown(str(failure)) from failure
        if answer != "COMMIT" or self._warned:
            raise OutcomeUnknown(f"the server answered {answer} to COMMIT, with a warning")

    async def _roll_back(self, connection: asyncpg.Connection) -> None:
        try:
            if connection.is_closed():
                self._connection = None
            elif connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=1)
        except Exception:  # the server does it when the connection ends
            self.drop()

    async def _connect(self) -> asyncpg.Connection:
        connecting = self._database.connect(name="nightbus writer", statement_seconds=_STATEMENT_SECONDS)
        connection = await asyncio.wait_for(connecting, _CONNECT_SECONDS)
        connection.add_log_listener(self._heard)
        return connection

    def _heard(self, connection: object, message: object) -> None:
        if getattr(message, "severity_en", "") == "WARNING":
            self._warned = True
