"""Gives the names of logs and queues small integers.

A name has a row while something may lie under it: the row goes with the whole queue or log, and with the last entry
of a log. A name that has ended gets no row again: a commit that was planned before the end would add what nobody finds.
"""

from __future__ import annotations

import sqlite3

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.store.interface import Ended
from nightbus.store.scopes import NameKey, scope_text

_MOST_KNOWN = 20_000
_MOST_ENDED = 10_000  # so many ends ago no commit was planned that is still to be written


class Names:
    """Owned by the writer, who alone makes new ones; readers look up in the database what they do not find here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: Bounded[NameKey, int] = Bounded(_MOST_KNOWN)
        self._new: dict[NameKey, int] = {}
        self._ended: Bounded[NameKey, None] = Bounded(_MOST_ENDED)
        self._ending: dict[NameKey, None] = {}  # in this transaction

    def id(self, scope: Scope, kind: str, name: str) -> int:
        """The name's number, made when it has none yet; within the writer's transaction. Raises Ended."""
        key = (scope, kind, name)
        number = self._known.get(key) or self._new.get(key)
        if number is None:
            if key in self._ended or key in self._ending:
                raise Ended(kind, name)
            number = look_up(self._connection, scope, kind, name)
            if number is None:
                row = (scope_text(scope), kind, name)
                made = self._connection.execute("INSERT INTO name (scope, kind, name) VALUES (?, ?, ?)", row)
                number = int(made.lastrowid or 0)
            self._new[key] = number
        return number

    def find(self, scope: Scope, kind: str, name: str) -> int | None:
        """The name's number, where it has one."""
        key = (scope, kind, name)
        return self._known.get(key) or self._new.get(key) or look_up(self._connection, scope, kind, name)

    def drop(self, scope: Scope, kind: str, name: str, *, ended: bool = False) -> None:
        """Nothing lies under the name any more."""
        key = (scope, kind, name)
        self._connection.execute(
            "DELETE FROM name WHERE scope = ? AND kind = ? AND name = ?", (scope_text(scope), kind, name)
        )
        self._known.pop(key, None)
        self._new.pop(key, None)
        if ended:
            self._ending[key] = None

    def keep_new(self) -> None:
        """The transaction that made them was committed."""
        for key, number in self._new.items():
            self._known[key] = number
        for key in self._ending:
            self._ended[key] = None
        self._new.clear()
        self._ending.clear()

    def forget_new(self) -> None:
        """It was rolled back, or a part of it."""
        self._new.clear()

    def ending(self) -> dict[NameKey, None]:
        """What has ended in this transaction so far, for `back_to` should the rest be rolled back."""
        return dict(self._ending)

    def back_to(self, ending: dict[NameKey, None]) -> None:
        self._ending = ending

    def in_memory(self) -> dict[str, int]:
        return {"names known": len(self._known), "names ended": len(self._ended)}


def look_up(connection: sqlite3.Connection, scope: Scope, kind: str, name: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM name WHERE scope = ? AND kind = ? AND name = ?", (scope_text(scope), kind, name)
    ).fetchone()
    return int(row[0]) if row else None
