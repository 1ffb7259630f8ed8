"""Whatever refuses a commit half-way, nothing of it is there, and the commits of its group are there as a whole.

The writer's statements and most of its commits keep no copy with which SQLite could undo them alone (`rows`, `writer`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import (
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    PutRecord,
    RequireRecord,
    TrimLog,
)
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")
_ROWS = 150  # more than one statement takes
_AT = (
    100  # of these the one that is refused: rows of its statement, and of the one before, are written by then
)
_STANDS = RequireRecord(HERE, "kind", "there", 1)
_BROKEN_ROW = Append(HERE, "refused", 2**70, b"")


class Refused(NamedTuple):
    changes: Sequence[Change]
    error: type[Exception]


def rows(log: str) -> list[Change]:
    appends: list[Change] = [Append(HERE, log, 1, b"x" * 500) for _ in range(_ROWS)]
    return [*appends, EnqueueMany(HERE, log, tuple([b"x" * 500] * _ROWS), 1), Enqueue(HERE, log, b"x", 1)]


def with_broken_row(*before: Change) -> list[Change]:
    changes = [*before, *rows("refused")]
    changes.insert(len(before) + _AT, _BROKEN_ROW)
    return changes


_CASES = {
    "a requirement after rows": Refused(
        [*rows("refused"), RequireRecord(HERE, "kind", "there", 7)], Conflict
    ),
    "a requirement between rows that others stand before": Refused(
        [_STANDS, *rows("refused"), RequireRecord(HERE, "kind", "none", 1), *rows("refused")], Conflict
    ),
    "a requirement on what the group deletes": Refused(
        [*rows("refused"), RequireRecord(HERE, "kind", "deleted", 1)], Conflict
    ),
    "a record after rows": Refused(
        [_STANDS, *rows("refused"), PutRecord(HERE, "kind", "there", {}, 7)], Conflict
    ),
    "a value after a log that goes": Refused(
        [*rows("refused"), TrimLog(HERE, "kept"), PutRecord(HERE, "kind", "new", {"v": object()})], TypeError
    ),
    "a row of rows alone": Refused(with_broken_row(), OverflowError),
    "a row behind a requirement": Refused(with_broken_row(_STANDS), OverflowError),
    "a row behind a record": Refused(
        with_broken_row(PutRecord(HERE, "kind", "new", {}), DeleteRecord(HERE, "kind", "there")),
        OverflowError,
    ),
}


async def contents(store: SqliteStore) -> dict[str, object]:
    """All that the database has, without the counters, which may go on over what was refused."""
    tables = [
        name for (name,) in store._writing.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    return {
        name: sorted(store._writing.execute(f"SELECT * FROM {name}").fetchall())
        for name in tables
        if name != "counter"
    }


async def prepared(folder: Path) -> SqliteStore:
    store = SqliteStore.open(folder, SystemClock(), durable=False)
    await store.commit(
        PutRecord(HERE, "kind", "there", {}),
        PutRecord(HERE, "kind", "deleted", {}),
        Append(HERE, "kept", 1, b"kept"),
        Append(HERE, "log", 1, b"kept"),
        Enqueue(HERE, "log", b"kept", 1),
    )
    return store


async def group(store: SqliteStore, refused: Refused) -> None:
    outcomes = await asyncio.gather(
        store.commit(*rows("before")),
        store.commit(DeleteRecord(HERE, "kind", "deleted"), Append(HERE, "before", 2, b"")),
        store.commit(*refused.changes),
        store.commit(_STANDS, *rows("after")),
        store.commit(PutRecord(HERE, "kind", "after", {}), *rows("after")),
        return_exceptions=True,
    )
    assert [type(one) for at, one in enumerate(outcomes) if at != 2] == [type(None)] * 4
    assert type(outcomes[2]) is refused.error


def counted(store: SqliteStore) -> dict[str, int]:
    query = "SELECT name.name, count(*) FROM entry JOIN name ON name.id = entry.log GROUP BY 1"
    return dict(store._writing.execute(query).fetchall())


@pytest.mark.parametrize("case", _CASES)
async def test_of_a_refused_commit_nothing_is_there(tmp_path: Path, case: str) -> None:
    store = await prepared(tmp_path / "data")
    try:
        before = await contents(store)
        with pytest.raises(_CASES[case].error):
            await store.commit(DeleteRecord(HERE, "kind", "deleted"), *_CASES[case].changes)
        assert await contents(store) == before
        await group(store, _CASES[case])
        assert counted(store) == {"kept": 1, "log": 1, "before": _ROWS + 1, "after": 2 * _ROWS}
        assert await store.count(HERE, "refused") == await store.count(HERE, "none")
        await store.commit(
            *rows("refused")
        )  # neither a name nor a row in memory is left that the database lacks
        assert counted(store)["refused"] == _ROWS
    finally:
        await store.close()
    again = SqliteStore.open(tmp_path / "data", SystemClock(), durable=False)
    assert len(await again.read(HERE, "refused")) == _ROWS
    await again.close()


def clashing(store: SqliteStore) -> None:
    """Let the database refuse a row in the middle of a statement, as only a fault of ours would."""
    store._writing.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON entry WHEN NEW.data = x'FF'"
        " BEGIN SELECT RAISE(FAIL, 'refused'); END"
    )


def by_key(store: SqliteStore) -> None:
    """A unique index, so that the row is refused by a constraint."""
    store._writing.execute("CREATE UNIQUE INDEX once ON entry (data) WHERE data = x'FF'")


@pytest.mark.parametrize("requirement", [True, False])
@pytest.mark.parametrize(("refuse", "times"), [(clashing, 1), (by_key, 2)])
async def test_a_row_that_the_database_refuses(
    tmp_path: Path, requirement: bool, refuse: Callable[[SqliteStore], None], times: int
) -> None:
    store = await prepared(tmp_path / "data")
    try:
        refuse(store)
        changes = rows("refused")
        changes[_AT:_AT] = [Append(HERE, "refused", 1, b"\xff")] * times
        changes[:0] = [_STANDS] if requirement else [PutRecord(HERE, "kind", "new", {})]
        before = await contents(store)
        with pytest.raises(sqlite3.IntegrityError):
            await store.commit(*changes)
        assert await contents(store) == before
        await group(store, Refused(changes, sqlite3.IntegrityError))
        assert counted(store) == {"kept": 1, "log": 1, "before": _ROWS + 1, "after": 2 * _ROWS}
    finally:
        await store.close()


@pytest.mark.parametrize("room", range(0, 60, 7))
@pytest.mark.parametrize(
    "first", [_STANDS, PutRecord(HERE, "kind", "new", {})], ids=["collected", "savepoint"]
)
async def test_a_disk_that_is_full_in_the_middle(tmp_path: Path, room: int, first: Change) -> None:
    """`room` pages are left, of the hundreds that the commits need."""
    store = await prepared(tmp_path / "data")
    try:
        before = await contents(store)
        (pages,) = store._writing.execute("PRAGMA page_count").fetchone()
        store._writing.execute(f"PRAGMA max_page_count = {pages + room}").fetchall()
        many = [change for _ in range(4) for change in rows("refused")]
        outcomes = await asyncio.gather(
            *(store.commit(first, *many) for _ in range(3)), return_exceptions=True
        )
        assert [type(one) for one in outcomes] == [sqlite3.OperationalError] * 3
        assert await contents(store) == before
        store._writing.execute("PRAGMA max_page_count = 1000000").fetchall()
        await store.commit(first, *many)
        assert counted(store)["refused"] == 4 * _ROWS
    finally:
        await store.close()
