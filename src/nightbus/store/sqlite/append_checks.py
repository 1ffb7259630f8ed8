"""Refuses an AppendOnce that is not the first with its key, or not the newest of its log.

Belongs to the writer, within its transactions. What is in memory here lets an entry pass without a question to the
database, which is how nearly all pass: the newest offset of each log, and the offsets of the keys that came since the
store was opened. It may know too much, after a rollback, and never knows too little; so what it would refuse is looked
up in the database first.

The keys have no column: an index over them costs 25 µs of the 420 that a FIFO message takes. Those from before the
store was opened are not known here. They need not be: one node has the store to itself, and reads the log before it
appends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from nightbus.aws.calls import Scope
from nightbus.store.interface import AppendOnce, Change, Entry, EntryRefused
from nightbus.store.sqlite.names import Names
from nightbus.store.sqlite.rows import NewRows


@dataclass(slots=True)
class _LogState:
    newest: int
    offsets: dict[str, int] = field(default_factory=dict)  # by key, in the order of the offsets


class AppendChecks:
    def __init__(self, connection: sqlite3.Connection, names: Names, rows: NewRows) -> None:
        self._execute = connection.execute
        self._names = names
        self._rows = rows
        self._logs: dict[tuple[Scope, str], _LogState] = {}

    def pass_at_once(self, changes: Sequence[Change]) -> bool:
        """Whether all of them pass by what is in memory; they are to be collected then, else to be checked."""
        return all(type(change) is not AppendOnce or self._passes(change) for change in changes)

    def check(self, change: AppendOnce) -> None:
        """Raises EntryRefused. An entry that passes is to be collected before the next one is checked."""
        if not self._passes(change):
            self._look_up(change)

    def _passes(self, change: AppendOnce) -> bool:
        scope, log, _, _, key, offset, _ = change
        state = self._logs.get((scope, log))
        if state is None:
            state = self._logs[scope, log] = _LogState(self._newest(scope, log))
        if offset <= state.newest or key in state.offsets:
            return False
        state.newest = offset
        state.offsets[key] = offset
        return True

    def _look_up(self, change: AppendOnce) -> None:
        self._rows.flush()
        state = self._logs[change.scope, change.log]
        newest = self._newest(change.scope, change.log)
        at = state.offsets.get(change.key, 0)
        entry = self._entry(change, at) if at else None
        if entry is not None or newest >= change.offset:
            raise EntryRefused(change.log, newest, entry)
        state.offsets.pop(change.key, None)
        state.newest = state.offsets[change.key] = change.offset

    def _newest(self, scope: Scope, log: str) -> int:
        number = self._names.find(scope, "log", log)
        if number is None:
            return 0
        (newest,) = self._execute("SELECT max(position) FROM entry WHERE log = ?", (number,)).fetchone()
        return newest or 0

    def _entry(self, change: AppendOnce, offset: int) -> Entry | None:
        """The one at the offset, where it is there and of the period in which the key may come once."""
        number = self._names.find(change.scope, "log", change.log)
        row = self._execute(
            "SELECT position, time, data, key FROM entry WHERE log = ? AND position = ? AND time > ?",
            (number, offset, change.since),
        ).fetchone()
        return None if row is None else Entry(change.log, *row)

    def trimmed(self, scope: Scope, log: str, number: int | None) -> None:
        """Entries of the log are gone, or all of them where `number` is None."""
        state = self._logs.get((scope, log))
        if state is None:
            return
        if number is None:
            del self._logs[scope, log]
            return
        (oldest,) = self._execute("SELECT min(position) FROM entry WHERE log = ?", (number,)).fetchone()
        gone = takewhile(lambda pair: pair[1] < oldest, state.offsets.items())
        for key, _ in list(gone):
            del state.offsets[key]

    def in_memory(self) -> dict[str, int]:
        return {"keys that come once": sum(len(state.offsets) for state in self._logs.values())}
