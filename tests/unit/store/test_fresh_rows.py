"""What is kept of a queue for who waits gives the rows that the database gives, in the same order."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from nightbus.store.sqlite.fresh_rows import FreshRows
from nightbus.store.sqlite.queue_order import FIRST, Position, Row


class Database:
    """The rows as they are committed; counts how often it is asked."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.asked = 0

    def _beyond(self, position: Position) -> list[Row]:
        beyond = [row for row in self.rows.values() if (row.due, row.id) > position]
        return sorted(beyond, key=lambda row: (row.due, row.id))

    def after(self, position: Position, due_until: int, limit: int) -> list[Row]:
        self.asked += 1
        return [row for row in self._beyond(position) if row.due <= due_until][:limit]

    def next_due(self, position: Position) -> int | None:
        self.asked += 1
        beyond = self._beyond(position)
        return beyond[0].due if beyond else None

    def find(self, item: int) -> Row | None:
        return self.rows.get(item)

    def all(self) -> Iterable[tuple[int, int, str]]:
        return [(row.id, row.due, "") for row in self.rows.values()]


@pytest.mark.parametrize("seed", range(40))
def test_a_reader_who_goes_forward_gets_every_row_once(seed: int) -> None:
    """Rows come late and out of order, are seen before they are told of, are delayed, go, are given back, and
    overflow."""
    rng = random.Random(seed)
    database, now, item, position = Database(), 1000, 0, FIRST
    fresh = FreshRows(database)
    untold: list[Row] = []
    read: set[int] = set()
    waited_for = seed % 4 != 0
    for _ in range(250):
        now += rng.choice((0, 0, 1, 3))
        action = rng.random()
        if action < 0.5:
            for _ in range(400 if seed % 5 == 0 and rng.random() < 0.02 else rng.choice((1, 2, 3))):
                item += 1
                due = now + rng.choice((0, 0, 0, -2, 5, 40))
                untold.append(Row(item, due, b"%d" % item))
                database.rows[item] = untold[-1]
        if action < 0.6 or action > 0.9:
            for row in untold:
                fresh.added(row.id, row.due, row.data, waited_for=waited_for)
            untold.clear()
        if 0.45 < action < 0.5 and database.rows:
            gone = rng.choice(list(database.rows))
            del database.rows[gone]
            fresh.gone(gone)
            untold = [row for row in untold if row.id != gone]
        if 0.85 < action < 0.9 and read:
            back = rng.choice(list(read))
            if back in database.rows:
                due = now + rng.choice((-5, 0, 7))
                database.rows[back] = database.rows[back]._replace(due=due)
                fresh.given_back(back, due)
                if (due, back) > position:
                    read.discard(back)
        if action > 0.3:
            limit = rng.choice((1, 2, 64))
            rows = fresh.after(position, now, limit)
            assert all(database.rows[row.id] == row for row in rows)
            for row in rows:
                assert (row.due, row.id) > position
                position = (row.due, row.id)
                assert row.id not in read
                read.add(row.id)
            if not rows and seed % 5:
                told = [row for row in database.after(position, now, 1000) if row not in untold]
                assert not told
                later = fresh.next_due(position)
                exact = database.next_due(position)
                assert exact is None or untold or (later is not None and later <= exact)
    for row in untold:
        fresh.added(row.id, row.due, row.data, waited_for=waited_for)
    while rows := fresh.after(position, now + 1000, 64):
        read |= {row.id for row in rows}
        position = (rows[-1].due, rows[-1].id)
    missed = set(database.rows) - read
    assert all((database.rows[one].due, one) < position for one in missed)


def test_who_waits_asks_the_database_no_more() -> None:
    database = Database()
    fresh, position = FreshRows(database), FIRST
    assert (fresh.after(position, 1000, 10), fresh.next_due(position)) == ([], None)
    asked = database.asked
    for item in range(1, 100):
        database.rows[item] = Row(item, 1000 + item, b"x")
        fresh.added(item, 1000 + item, b"x", waited_for=True)
        assert fresh.after(position, 1000 + item, 10) == [database.rows[item]]
        position = (1000 + item, item)
        assert fresh.after(position, 1000 + item, 10) == []
        assert fresh.next_due(position) is None
    assert database.asked == asked


def test_what_nobody_waits_for_is_not_kept() -> None:
    database = Database()
    fresh = FreshRows(database)
    fresh.next_due(FIRST)
    for item in range(1, 1000):
        database.rows[item] = Row(item, 1000, b"x" * 1000)
        fresh.added(item, 1000, b"x" * 1000, waited_for=item < 500)
        assert len(fresh) <= 256
    assert len(fresh) == 0
    assert [row.id for row in fresh.after(FIRST, 1000, 3)] == [1, 2, 3]
