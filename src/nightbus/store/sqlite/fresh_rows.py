"""Keeps the rows that were just put into a queue for a reader that waits for them, which saves it a statement.

A statement on the event loop takes some 20 microseconds and gives up Python's lock to the thread that writes.

The invariant: each row of the queue beyond `_from` is in `_rows`, or is due at `_later` or after that. It begins to
hold when the database says when the next row is due; a reader that finds nothing asks for that before it waits. From
then on each commit reports its rows on the event loop (`added`). The database may show a row before its commit reports
it. That does no harm: such a row is due at `_later` or after that, when the database is asked again; and when it is
reported, the reader is beyond it, or gets it from here.

What would break the invariant: a row that goes or changes without `gone`, `given_back` or `forget`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from nightbus.store.sqlite.queue_order import Position, Row, Rows

_MOST_ROWS = 256
_MOST_BYTES = 256 * 1024


class FreshRows:
    """Implements `queue_order.Rows` over those of the database, for a reader that only goes forward."""

    def __init__(self, rows: Rows) -> None:
        self._database = rows
        self._from: Position | None = None  # None: nothing is known
        self._later: int | None = None
        self._rows: list[tuple[int, int, bytes]] = []  # a heap of (due, id, data)
        self._ids: set[int] = set()
        self._bytes = 0

    def after(self, position: Position, due_until: int, limit: int) -> list[Row]:
        if not self._knows(position) or (self._later is not None and self._later <= due_until):
            self.forget()
            return self._database.after(position, due_until, limit)
        rows: list[Row] = []
        while self._rows and self._rows[0][0] <= due_until and len(rows) < limit:
            due, item, data = heapq.heappop(self._rows)
            self._ids.discard(item)
            self._bytes -= len(data)
            if (due, item) > position:
                rows.append(Row(item, due, data))
        return rows

    def next_due(self, position: Position) -> int | None:
        if not self._knows(position):
            self.forget()
            self._from, self._later = position, self._database.next_due(position)
        if not self._rows:
            return self._later
        first = self._rows[0][0]
        return first if self._later is None else min(first, self._later)

    def find(self, item: int) -> Row | None:
        return self._database.find(item)

    def all(self) -> Iterable[tuple[int, int, str]]:
        return self._database.all()

    def added(self, item: int, due: int, data: bytes, *, waited_for: bool) -> None:
        """A commit put the row into the queue. Where nobody waits, it may lie there for long, and is not kept."""
        if self._from is None:
            return
        if not waited_for or len(self._rows) >= _MOST_ROWS or self._bytes + len(data) > _MOST_BYTES:
            self.forget()
        elif (due, item) > self._from:
            heapq.heappush(self._rows, (due, item, data))
            self._ids.add(item)
            self._bytes += len(data)

    def gone(self, item: int) -> None:
        if item in self._ids:
            self.forget()

    def given_back(self, item: int, due: int) -> None:
        """Its row may lie beyond the reader again, where the database has it."""
        self.gone(item)
        if self._from is not None:
            self._later = due if self._later is None else min(due, self._later)

    def forget(self) -> None:
        self._from = None
        if self._rows:
            self._rows.clear()
            self._ids.clear()
            self._bytes = 0

    def _knows(self, position: Position) -> bool:
        return self._from is not None and position >= self._from

    def __len__(self) -> int:
        return len(self._rows)
