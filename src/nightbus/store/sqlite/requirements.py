"""Looks up whether the records that a commit depends on stand, many with one statement.

Each statement costs Python a call and a fight for its interpreter lock. A commit of the log lines of many invocations
depends on as many streams.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from nightbus.store.interface import Change, RequireRecord
from nightbus.store.scopes import scope_text

_SIZES = (1, 4, 16, 64)


def _statement(size: int) -> str:
    placeholders = ",".join(["(?,?,?,?)"] * size)
    return (
        f"WITH expected (scope, kind, key, revision) AS (VALUES {placeholders}) SELECT count(*)"  # noqa: S608
        " FROM expected CROSS JOIN record USING (kind, scope, key) WHERE record.revision = expected.revision"
    )


_STATEMENTS = [(size, _statement(size)) for size in _SIZES]


def standing_first(connection: sqlite3.Connection, changes: Sequence[Change]) -> int:
    """How many of `changes`, from the first on, are requirements that are known to hold; the others are to be looked
    up one by one."""
    first: list[RequireRecord] = []
    for change in changes[: _SIZES[-1]]:
        if type(change) is not RequireRecord or not change.expect:
            break
        first.append(change)
    return len(first) if len(first) > 1 and _stand(connection, first) else 0


def all_stand(connection: sqlite3.Connection, changes: Sequence[Change]) -> bool:
    """Whether all requirements among `changes` are known to hold; where not, they are to be looked up one by one."""
    required = [change for change in changes if type(change) is RequireRecord]
    if not all(one.expect for one in required):
        return False
    most = _SIZES[-1]
    return all(_stand(connection, required[at : at + most]) for at in range(0, len(required), most))


def _stand(connection: sqlite3.Connection, required: Sequence[RequireRecord]) -> bool:
    size, statement = next((size, text) for size, text in _STATEMENTS if size >= len(required))
    rows = [(scope_text(one.scope), one.kind, one.key, one.expect) for one in required]
    rows += [rows[-1]] * (size - len(rows))
    (count,) = connection.execute(statement, [value for row in rows for value in row]).fetchone()
    return bool(count == size)
