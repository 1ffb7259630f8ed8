"""Refuses a server that was the primary of a node's database only before another one was promoted.

A primary that is lost may come back after a standby was promoted in its place, and takes writes as before. What it
acknowledges then is lost, and what it reads is old. It does not know that, but a node does: each promotion begins a
timeline of the write-ahead log with a higher number (https://www.postgresql.org/docs/current/continuous-archiving.html).

What holds, and by what:

1. A node uses no server whose timeline is older than one that it has worked with. It asks each connection for that
   when it is made, and keeps the newest one in a file, so that a restart forgets nothing.
2. As soon as it meets a newer timeline it cuts every connection to an older one. Whoever waits for a commit over one of
   them hears that its outcome is unknown.

What a node cannot know is a promotion of which no server that it reaches has heard, and that two standbys were promoted
at once, which begin timelines of one number. Against these only synchronous standbys help, without which no primary
confirms anything, or a failover manager that ends the old one. Databases without timelines (distributed ones, which
replicate by consensus) are taken as they are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_ASK = """
SELECT system_identifier::text AS system, CASE WHEN pg_is_in_recovery() THEN NULL
       ELSE substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END AS timeline FROM pg_control_system()
"""
_HAS_NONE = frozenset(
    {"42883", "42501", "42P01", "0A000"}
)  # no such function or table, not allowed, not supported


@dataclass(frozen=True, slots=True)
class Timeline:
    """`system` is the number that a server and its copies have in common. `number` is 0 at a standby, which writes no
    log of its own."""

    system: str
    number: int


class FormerPrimary(ConnectionError):
    """The server's timeline is older than one that this node has worked with."""


class OtherDatabase(ConnectionError):
    """The server is not a copy of the one that this node works with."""


class Timelines:
    """One for all connections of a node. `shown` names the database in the log."""

    def __init__(self, shown: str = "the database") -> None:
        self._shown = shown
        self._file: Path | None = None
        self._newest: Timeline | None = None
        self._connections: weakref.WeakKeyDictionary[asyncpg.Connection, Timeline] = (
            weakref.WeakKeyDictionary()
        )
        self._refused: Timeline | None = None  # of which the log has said so

    def remember_in(self, file: Path) -> None:
        """Go on from what `file` has, and write there what is newer. Raises OSError."""
        self._file = file
        self.expect(file)

    def go_on_from(self, others: Timelines) -> None:
        """Know what those of another event loop know."""
        self._newest = others.newest

    def expect(self, file: Path) -> None:
        """Go on from what `file` has, unless that is older than what is known. Raises OSError."""
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            says = orjson.loads(file.read_bytes())
            read = Timeline(str(says["system"]), int(says["number"]))
            newest = self._newest
            if newest is None or (newest.system == read.system and newest.number < read.number):
                self._newest = read

    async def accept(self, connection: asyncpg.Connection, *, only_copies: bool = False) -> Timeline | None:
        """Take a new connection into use, and cut those that are older than its server. None where it has no timeline.

        Raises FormerPrimary, with `only_copies` OtherDatabase, when the connection is closed, and what the driver does.
        """
        try:
            timeline = await _timeline_of(connection)
            if timeline is not None and timeline.number:
                self._compare(timeline, only_copies)
                self._connections[connection] = timeline
        except BaseException:
            connection.terminate()
            raise
        return timeline

    @property
    def newest(self) -> Timeline | None:
        return self._newest

    def _compare(self, found: Timeline, only_copies: bool) -> None:
        newest = self._newest
        if newest == found:
            return
        if newest is not None and newest.system == found.system and found.number < newest.number:
            self._refuse(found, newest)
        if newest is not None and newest.system != found.system:
            if only_copies:
                self._refuse_other(found)
            log.warning("%s is another server than before, and not a copy of that one", self._shown)
        self._newest = found
        self._write(found)
        for connection, timeline in list(self._connections.items()):
            if timeline != found:
                connection.terminate()

    def _refuse(self, found: Timeline, newest: Timeline) -> None:
        said = (
            f"this server is on timeline {found.number}, and this node has worked with timeline {newest.number}: it is"
            " a primary that was replaced, and lacks what was acknowledged since"
        )
        if found != self._refused:
            self._refused = found
            log.error(
                "%s: %s. It is not used. If the database was put back to that state on purpose: stop all nodes, and"
                " delete %s in their data folders",
                self._shown,
                said,
                "what they remember" if self._file is None else self._file.name,
            )
        raise FormerPrimary(said)

    def _refuse_other(self, found: Timeline) -> None:
        if found != self._refused:
            self._refused = found
            log.warning(
                "%s: one of its servers is not a copy of the one in use, and is not used", self._shown
            )
        raise OtherDatabase("this server is not a copy of the one in use")

    def _write(self, newest: Timeline) -> None:
        if self._file is None:
            return
        try:
            partial = self._file.with_name(f"{self._file.name}.new")
            with partial.open("wb") as file:
                file.write(orjson.dumps(asdict(newest)))
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._file)
        except OSError as failure:
            log.warning("%s cannot be written: %s", self._file, failure)


async def _timeline_of(connection: asyncpg.Connection) -> Timeline | None:
    import asyncpg

    try:
        row = await connection.fetchrow(_ASK)
    except asyncpg.PostgresError as failure:
        if failure.sqlstate in _HAS_NONE:
            return None
        raise
    assert row is not None  # the function returns one
    return Timeline(row["system"], int(row["timeline"] or "0", 16))
