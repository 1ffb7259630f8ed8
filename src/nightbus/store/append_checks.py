"""Refuses an AppendOnce that is not the first under its key, or not the newest of its log.

Belongs to the writer. What its transaction has collected and not yet written is in memory here; all else is in the
database, where an index finds it.
"""

from __future__ import annotations

import sqlite3

from nightbus.store.interface import AppendOnce, EntryRefused
from nightbus.store.names import Names

_QUERY = (
    "SELECT (SELECT max(position) FROM entry WHERE log = ?1), EXISTS (SELECT 1 FROM entry INDEXED BY entry_by_key"
    " WHERE log = ?1 AND key = ?2 AND key <> '' AND time > ?3)"
)


class AppendChecks:
    """Of one transaction, until `clear`."""

    def __init__(self, connection: sqlite3.Connection, names: Names) -> None:
        self._execute = connection.execute
        self._names = names
        self._newest: dict[tuple[object, str], int] = {}
        self._times: dict[tuple[object, str, str], int] = {}

    def check(self, change: AppendOnce) -> None:
        """Raises EntryRefused. An entry that is not refused is to be collected, or `clear` called."""
        scope, log, time, _, key, offset, since = change
        newest = self._newest.get((scope, log), 0)
        if newest >= offset or self._times.get((scope, log, key), since) > since:
            raise EntryRefused("log", log)
        number = self._names.find(scope, "log", log)
        if number is not None:
            written, repeated = self._execute(_QUERY, (number, key, since)).fetchone()
            if repeated or (written or 0) >= offset:
                raise EntryRefused("log", log)
        self._newest[scope, log] = offset
        self._times[scope, log, key] = time

    def clear(self) -> None:
        """What was collected is in the database now, or is given up."""
        if self._newest:
            self._newest.clear()
            self._times.clear()
