"""Keeps the rows that were just put into a queue, for who waits for them: so they are offered without a statement.

A statement on the event loop takes some 20 microseconds and gives up Python's lock to the thread that writes.

What is known of a queue: each of its rows beyond `_from` is in `_rows`, or is due at `_later` or after that. It is
known from the moment in which the database said when the next row is due, as who finds nothing asks before he waits.
Each commit since then told of its rows, on the event loop (`added`). A row that the database shows before its commit is
told of makes no difference: it is due at `_later` at the earliest, for which the database is asked again; and when it
is told of, the reader is beyond it, or gets it from here.

What would break it: a row that goes or changes without `gone`, `given_back` or `forget`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from nightbus.store.sqlite.queue_order import Place, Row, Rows

_MOST_ROWS = 256
_MOST_BYTES = 256 * 1024


class FreshRows:
    """Implements `queue_order.Rows` over those of the database, for a reader who only goes forward."""

    def __init__(self, rows: Rows) -> None:
        self._database = rows
        self._from: Place | None = None  # None: nothing is known
        self._later: int | None = None
        self._rows: list[tuple[int, int, bytes]] = []  # a heap of (due, id, data)
        self._ids: set[int] = set()
        self._bytes = 0

    def after(self, place: Place, due_until: int, limit: int) -> list[Row]:
        if not self._knows(place) or (self._later is not None and self._later <= due_until):
            self.forget()
            return self._database.after(place, due_until, limit)
        found: list[Row] = []
        while self._rows and self._rows[0][0] <= due_until and len(found) < limit:
            due, item, data = heapq.heappop(self._rows)
            self._ids.discard(item)
            self._bytes -= len(data)
            if (due, item) > place:
                found.append(Row(item, due, data))
        return found

    def next_due(self, place: Place) -> int | None:
        if not self._knows(place):
            self.forget()
            self._from, self._later = place, self._database.next_due(place)
        if not self._rows:
            return self._later
        first = self._rows[0][0]
        return first if self._later is None else min(first, self._later)

    def find(self, item: int) -> Row | None:
        return self._database.find(item)

    def all(self) -> Iterable[tuple[int, int, str]]:
        return self._database.all()

    def added(self, item: int, due: int, data: bytes, *, waited_for: bool) -> None:
        """A commit put it into the queue. Where nobody waits it may lie there for long, and is not kept."""
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

    def _knows(self, place: Place) -> bool:
        return self._from is not None and place >= self._from

    def __len__(self) -> int:
        return len(self._rows)
