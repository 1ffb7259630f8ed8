"""Writes many new rows with few statements.

Each statement costs Python a call and a fight for its interpreter lock, each further row of one only its values. Rows
are collected flat and written sixty-four at a time.

`OR FAIL`: for an INSERT of many rows that would undo itself, SQLite keeps a copy of each page before it changes it, and
beyond 64 KB in a file: half of all that a busy node wrote. Nothing needs that copy, since the writer rolls the whole
transaction back after any error of the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

_SIZES = (64, 16, 4, 1)


class _Table:
    def __init__(self, connection: sqlite3.Connection, statement: str, row: str, separator: str, end: str):
        self._execute = connection.execute
        self._width = row.count("?")
        self._statements = [(size, statement + separator.join([row] * size) + end) for size in _SIZES]
        self.values: list[Any] = []

    def flush(self) -> None:
        values, width, at = self.values, self._width, 0
        left = len(values) // width
        for size, statement in self._statements:
            while left >= size:
                self._execute(statement, values[at : at + size * width])
                at += size * width
                left -= size
        values.clear()


class NewRows:
    """Rows that are to be written in the writer's transaction, in the order of their table."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._entries = _Table(connection, "INSERT OR FAIL INTO entry VALUES ", "(?,?,?,?,?)", ",", "")
        self._items = _Table(connection, "INSERT OR FAIL INTO item VALUES ", "(?,?,?,?,?)", ",", "")
        self._gone = _Table(connection, "DELETE FROM item WHERE id IN (", "?", ",", ")")

    def entry(self, log: int, position: int, time: int, key: str, data: bytes) -> None:
        self._entries.values += (log, position, time, key, data)

    def item(self, item: int, queue: int, due: int, data: bytes, group: str) -> None:
        self._items.values += (item, queue, due, data, group)

    def many_items(self, first: int, queue: int, due: int, data: Sequence[bytes]) -> None:
        values = self._items.values
        for item, one in enumerate(data, first):
            values += (item, queue, due, one, "")

    def gone(self, item: int) -> None:
        self._gone.values.append(item)

    def flush(self) -> None:
        for table in (self._entries, self._items, self._gone):
            if table.values:
                table.flush()

    def clear(self) -> None:
        for table in (self._entries, self._items, self._gone):
            table.values.clear()
