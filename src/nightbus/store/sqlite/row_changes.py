"""Does to the rows of the database what each change of a commit asks for.

Belongs to `writer`, in whose transaction all of this happens. What cannot fail for a reason of its own is collected,
and written many rows a statement; all else is applied at once.
"""

from __future__ import annotations

import sqlite3

import orjson

from nightbus.store.forms import newest
from nightbus.store.interface import (
    Acknowledge,
    Append,
    AppendOnce,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    GiveBack,
    KeepBlob,
    PutRecord,
    ReleaseBlob,
    RequireRecord,
    TrimLog,
    TrimQueue,
)
from nightbus.store.scopes import scope_text
from nightbus.store.sqlite.append_checks import AppendChecks
from nightbus.store.sqlite.blobs import BlobFolder
from nightbus.store.sqlite.names import Names
from nightbus.store.sqlite.rows import NewRows

COLLECTED = frozenset({Append, AppendOnce, Enqueue, EnqueueMany, Acknowledge})


class RowChanges:
    """`counters` are the last offset and the last item id that were given, `written_bytes` how much the group wrote."""

    def __init__(self, connection: sqlite3.Connection, names: Names, blobs: BlobFolder) -> None:
        self._connection = connection
        self._names = names
        self._blobs = blobs
        self.rows = NewRows(connection)
        self.checks = AppendChecks(connection, names, self.rows)
        self.counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counter"))
        self.written_bytes = 0

    def collect(self, change: Change) -> None:
        """Collect the rows of a change of the kinds `COLLECTED`; `rows.flush` writes them with those of other
        batches."""
        if isinstance(change, Append):
            scope, log, time, data, key = change
            self.counters["position"] = position = self.counters["position"] + 1
            self.rows.entry(self._names.id(scope, "log", log), position, time, key, data)
            self.written_bytes += len(data)
        elif isinstance(change, Enqueue):
            scope, name, data, due, group = change
            self.counters["item"] = item = self.counters["item"] + 1
            self.rows.item(item, self._names.id(scope, "queue", name), due, data, group)
            self.written_bytes += len(data)
        elif isinstance(change, EnqueueMany):
            first = self.counters["item"] + 1
            self.counters["item"] += len(change.data)
            number = self._names.id(change.scope, "queue", change.queue)
            self.rows.many_items(first, number, change.due, change.data)
            self.written_bytes += sum(map(len, change.data))
        elif isinstance(change, Acknowledge):
            self.rows.gone(change.item)
        elif isinstance(change, AppendOnce):
            scope, log, time, data, _, offset, _ = change
            self.rows.entry(self._names.id(scope, "log", log), offset, time, "", data)
            self.written_bytes += len(data)

    def apply(self, change: Change) -> None:
        """Write a change of another kind at once, after a flush of the collected rows.

        Raises Conflict, KeyError, TypeError.
        """
        execute = self._connection.execute
        match change:
            case PutRecord():
                self._put_record(change)
            case DeleteRecord():
                self._expect(change)
                execute(
                    "DELETE FROM record WHERE kind = ? AND scope = ? AND key = ?",
                    (change.kind, scope_text(change.scope), change.key),
                )
            case RequireRecord():
                self._expect(change)
            case TrimLog():
                self._trim_log(change)
            case TrimQueue():
                self._trim_queue(change)
            case GiveBack():
                execute(
                    "UPDATE item SET due = ?, data = coalesce(?, data) WHERE id = ?",
                    (change.due, change.data, change.item),
                )
            case KeepBlob():
                self._blobs.hold(change.digest)
                execute("INSERT OR IGNORE INTO blob_owner VALUES (?, ?)", (change.digest, change.owner))
            case ReleaseBlob():
                execute(
                    "DELETE FROM blob_owner WHERE digest = ? AND owner = ?", (change.digest, change.owner)
                )

    def _trim_log(self, change: TrimLog) -> None:
        execute, number = self._connection.execute, self._names.find(change.scope, "log", change.log)
        if number is not None and change.before is not None:
            execute("DELETE FROM entry WHERE log = ? AND time < ?", (number, change.before))
            if execute("SELECT 1 FROM entry WHERE log = ? LIMIT 1", (number,)).fetchone() is not None:
                return self.checks.trimmed(change.scope, change.log, number)
        elif number is not None:
            execute("DELETE FROM entry WHERE log = ?", (number,))
        self.checks.trimmed(change.scope, change.log, None)
        if number is not None or change.ended:
            self._names.drop(change.scope, "log", change.log, ended=change.ended)
        return None

    def _trim_queue(self, change: TrimQueue) -> None:
        """An empty queue keeps its number, which whoever receives from it knows, until all of it goes."""
        execute, number = self._connection.execute, self._names.find(change.scope, "queue", change.queue)
        if change.before is not None:
            execute("DELETE FROM item WHERE queue = ? AND due < ?", (number, change.before))
            return
        execute("DELETE FROM item WHERE queue = ?", (number,))
        self._names.drop(change.scope, "queue", change.queue, ended=change.ended)

    def _put_record(self, change: PutRecord) -> None:
        revision, data = self._expect(change), orjson.dumps(change.value)
        self.written_bytes += len(data)
        self._connection.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)",
            (scope_text(change.scope), change.kind, change.key, revision + 1, data, newest(change.kind)),
        )

    def _expect(self, change: PutRecord | DeleteRecord | RequireRecord) -> int:
        """The revision that stands now, 0 for none. Raises Conflict when another one was expected."""
        row = self._connection.execute(
            "SELECT revision FROM record WHERE kind = ? AND scope = ? AND key = ?",
            (change.kind, scope_text(change.scope), change.key),
        ).fetchone()
        revision: int = row[0] if row else 0
        if change.expect is not None and change.expect != revision:
            raise Conflict(change.kind, change.key)
        return revision
