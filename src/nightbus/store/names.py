"""Which small integer stands for the name of a log or a queue?"""

from __future__ import annotations

import sqlite3

from nightbus.aws.calls import Scope

NameKey = tuple[Scope, str, str]


def scope_text(scope: Scope) -> str:
    return f"{scope.account}/{scope.region}"


def scope_of(text: str) -> Scope:
    account, _, region = text.partition("/")
    return Scope(account, region)


class Names:
    """Owned by the writer, who alone makes new ones; readers look up in the database what they do not find here."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[NameKey, int] = {}
        self._new: dict[NameKey, int] = {}

    def id(self, scope: Scope, kind: str, name: str) -> int:
        """The name's number, made when it has none yet; within the writer's transaction."""
        key = (scope, kind, name)
        number = self._known.get(key) or self._new.get(key)
        if number is None:
            number = look_up(self._connection, scope, kind, name)
            if number is None:
                row = (scope_text(scope), kind, name)
                made = self._connection.execute("INSERT INTO name (scope, kind, name) VALUES (?, ?, ?)", row)
                number = int(made.lastrowid or 0)
            self._new[key] = number
        return number

    def keep_new(self) -> None:
        """The transaction that made them was committed."""
        self._known.update(self._new)
        self._new.clear()

    def forget_new(self) -> None:
        """It was rolled back, or a part of it."""
        self._new.clear()


def look_up(connection: sqlite3.Connection, scope: Scope, kind: str, name: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM name WHERE scope = ? AND kind = ? AND name = ?", (scope_text(scope), kind, name)
    ).fetchone()
    return int(row[0]) if row else None
