"""Finds records, entries and due items by queries over one reading connection, each by an index."""

from __future__ import annotations

import heapq
import logging
import sqlite3
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.store.forms import UnreadableRecord, value_of
from nightbus.store.interface import Entry, QueuedItem, Record
from nightbus.store.ranges import Range, after_prefix
from nightbus.store.scopes import scope_of, scope_text
from nightbus.store.sqlite.names import look_up

log = logging.getLogger("nightbus.store")


def get(connection: sqlite3.Connection, scope: Scope, kind: str, key: str) -> Record | None:
    row = connection.execute(
        "SELECT value, revision, form FROM record WHERE kind = ? AND scope = ? AND key = ?",
        (kind, scope_text(scope), key),
    ).fetchone()
    return Record(key, value_of(kind, key, row[2], row[0]), row[1]) if row else None


def records(
    connection: sqlite3.Connection, scope: Scope, kind: str, prefix: str, after: str, limit: int | None
) -> list[Record]:
    """The records of the kind that can be read; the others are logged."""
    starts, values = _begins_with("key", prefix)
    beyond = ">" if after else ">="  # "" is a key too
    rows = connection.execute(
        "SELECT key, value, revision, form FROM record"  # noqa: S608 - made of constants
        f" WHERE kind = ? AND scope = ? AND key {beyond} ?{starts} ORDER BY key LIMIT ?",
        (kind, scope_text(scope), after, *values, -1 if limit is None else limit),
    )
    readable = []
    for key, data, revision, form in rows:
        try:
            readable.append(Record(key, value_of(kind, key, form, data), revision))
        except UnreadableRecord as unreadable:  # it stops none of the others; nightbus doctor tells of it
            log.error("%s; it is left out", unreadable)
    return readable


def count_records(connection: sqlite3.Connection, scope: Scope, kind: str) -> int:
    number: int = connection.execute(
        "SELECT count(*) FROM record WHERE kind = ? AND scope = ?", (kind, scope_text(scope))
    ).fetchone()[0]
    return number


def scopes(connection: sqlite3.Connection, kind: str) -> list[Scope]:
    """Hops from scope to scope over the primary key, since SQLite's DISTINCT would visit every record."""
    listed: list[Scope] = []
    after = ""
    while True:
        (text,) = connection.execute(
            "SELECT min(scope) FROM record WHERE kind = ? AND scope > ?", (kind, after)
        ).fetchone()
        if text is None:
            return listed
        listed.append(scope_of(text))
        after = text


def logs(connection: sqlite3.Connection, scope: Scope, prefix: str) -> list[str]:
    starts, values = _begins_with("name", prefix)
    rows = connection.execute(
        f"SELECT name FROM name WHERE scope = ? AND kind = 'log'{starts}"  # noqa: S608 - made of constants
        " AND EXISTS (SELECT 1 FROM entry WHERE entry.log = name.id) ORDER BY name",
        (scope_text(scope), *values),
    )
    return [name for (name,) in rows]


# What an entry takes in its table, whose rows are in an index tree of pages of 4,096 bytes: a row of more than 1,002
# bytes leaves at least 489 of them in its page and puts the rest into pages of its own, with 4,092 bytes in each.
# https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages
_ROW = "(length(data) + length(CAST(key AS BLOB)) + 22)"
_OWN_PAGES = f"(({_ROW} + 3089) / 4092)"
_STORED = f"iif({_ROW} <= 1002, {_ROW}, {_OWN_PAGES} * 4096 + max(489, {_ROW} - {_OWN_PAGES} * 4092))"


def log_sizes(connection: sqlite3.Connection, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
    number = look_up(connection, scope, "log", log)
    rows = connection.execute(
        f"SELECT time / ?1 * ?1, sum({_STORED}) FROM entry INDEXED BY entry_by_time"  # noqa: S608
        " WHERE log = ?2 GROUP BY 1",
        (step_ms, number),
    )
    return dict(rows.fetchall())


def log_scopes(connection: sqlite3.Connection) -> list[Scope]:
    rows = connection.execute("SELECT DISTINCT scope FROM name WHERE kind = 'log' AND scope <> '/'")
    return [scope_of(text) for (text,) in rows]


def entries(connection: sqlite3.Connection, scope: Scope, log: str, selection: Range) -> list[Entry]:
    """The entries of one log, in order of offset."""
    with closing(_cursor(connection, scope, log, selection, by_time=False)) as cursor:
        return list(cursor)


def merged_entries(
    connection: sqlite3.Connection, scope: Scope, names: Sequence[str], selection: Range
) -> list[Entry]:
    """The entries of several logs by (time, offset). Each cursor is read only as far as the merge needs."""
    cursors = [_cursor(connection, scope, name, selection, by_time=True) for name in dict.fromkeys(names)]
    try:
        merged = heapq.merge(
            *cursors, key=lambda entry: (entry.time, entry.offset), reverse=selection.backwards
        )
        return list(islice(merged, selection.limit))
    finally:
        for cursor in cursors:
            cursor.close()


def _cursor(
    connection: sqlite3.Connection, scope: Scope, log: str, selection: Range, *, by_time: bool
) -> Generator[Entry, None, None]:
    number = look_up(connection, scope, "log", log)
    if number is None:
        return
    query, values = _query(number, selection, by_time)
    with closing(connection.execute(query, values)) as rows:
        for position, time, key, data in rows:
            yield Entry(log, position, time, data, key)


def _query(number: int, selection: Range, by_time: bool) -> tuple[str, list[Any]]:
    """Which index to go by is said here, since SQLite has no figures to guess from."""
    conditions, values = _conditions(selection)
    direction = "DESC" if selection.backwards else "ASC"
    order = f"time {direction}, position {direction}" if by_time else f"position {direction}"
    index = ""
    if selection.key:
        index = " INDEXED BY entry_by_key"
    elif by_time or selection.since is not None or selection.until is not None:
        index = " INDEXED BY entry_by_time"
    chosen = f"entry{index} WHERE log = ?{conditions} ORDER BY {order} LIMIT ?"
    values = [number, *values, selection.limit]
    if index.endswith("time") and not by_time:  # so that only positions are sorted, not what lies there
        query = f"SELECT position FROM {chosen}"  # noqa: S608 - made of constants
        chosen, values = f"entry WHERE log = ? AND position IN ({query}) ORDER BY {order}", [number, *values]
    return f"SELECT position, time, key, data FROM {chosen}", values  # noqa: S608 - made of constants


def _conditions(selection: Range) -> tuple[str, list[Any]]:
    terms: list[tuple[str, Any]] = [
        ("position < ?" if selection.backwards else "position > ?", selection.after or None),
        ("time >= ?", selection.since),
        ("time < ?", selection.until),
        # The index of keys leaves out the empty ones, which SQLite only trusts when it is told.
        ("key = ? AND key <> ''" if selection.key else "key = ?", selection.key),
    ]
    chosen = [(text, value) for text, value in terms if value is not None]
    return "".join(f" AND {text}" for text, _ in chosen), [value for _, value in chosen]


def count_due(connection: sqlite3.Connection, scope: Scope, queue: str, now: int) -> tuple[int, int]:
    """How many items of the queue are due, and the highest id of any item of it; 0 for none."""
    number = look_up(connection, scope, "queue", queue)
    if number is None:
        return 0, 0
    due, newest = connection.execute(
        "SELECT (SELECT count(*) FROM item WHERE queue = ?1 AND due <= ?2),"
        " (SELECT max(id) FROM item WHERE queue = ?1)",
        (number, now),
    ).fetchone()
    return due, newest or 0


def count_items(connection: sqlite3.Connection, scope: Scope, queue: str, now: int) -> tuple[int, int]:
    """How many items of the queue are due, leased or not, and how many are not yet."""
    number = look_up(connection, scope, "queue", queue)
    if number is None:
        return 0, 0
    due, later = (
        connection.execute(
            f"SELECT count(*) FROM item WHERE queue = ? AND due {side} ?",  # noqa: S608 - made of constants
            (number, now),
        ).fetchone()[0]
        for side in ("<=", ">")
    )
    return due, later


def oldest_due(connection: sqlite3.Connection, scope: Scope, queue: str, now: int) -> int | None:
    number = look_up(connection, scope, "queue", queue)
    row = connection.execute(
        "SELECT min(due) FROM item WHERE queue = ? AND due <= ?", (number, now)
    ).fetchone()
    due: int | None = row[0]
    return due


def items(
    connection: sqlite3.Connection,
    scope: Scope,
    queue: str,
    limit: int,
    beyond: tuple[int, int] | None,
    backwards: bool,
    ids: Collection[int] | None,
) -> list[QueuedItem]:
    """The items of a queue in order of (due, id); nothing is known here of their leases."""
    number = look_up(connection, scope, "queue", queue)
    if number is None:
        return []
    query, values = "SELECT id, data, due, grp, 0, 0, 0 FROM item WHERE queue = ?", [number]
    if ids is not None:
        query += f" AND id IN ({','.join('?' * len(ids))})"
        values += ids
    if beyond is not None:
        query += f" AND (due, id) {'<' if backwards else '>'} (?, ?)"
        values += beyond
    order = " DESC" if backwards else ""
    query += f" ORDER BY due{order}, id{order} LIMIT ?"
    return [QueuedItem(*row) for row in connection.execute(query, (*values, limit))]


def rows(connection: sqlite3.Connection) -> dict[str, int]:
    """How many records of each kind, and rows of the other tables."""
    kinds = connection.execute("SELECT kind, count(*) FROM record GROUP BY kind").fetchall()
    names = connection.execute("SELECT kind, count(*) FROM name GROUP BY kind").fetchall()
    counts = {f"record {kind}": count for kind, count in kinds}
    counts |= {f"name {kind}": count for kind, count in names}
    for table in ("entry", "item", "blob_owner"):
        counts[table] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    return counts


def _begins_with(column: str, prefix: str) -> tuple[str, list[str]]:
    if not prefix:
        return "", []
    end = after_prefix(prefix)
    if end is None:
        return f" AND {column} >= ?", [prefix]
    return f" AND {column} >= ? AND {column} < ?", [prefix, end]
