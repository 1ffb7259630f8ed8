"""Defines how the four primitives lie in one SQLite file.

Scopes, log and queue names are small integers in the big tables. Offsets and item ids come from counters that only
grow, kept in `counter`, since SQLite would use a deleted row's id again.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from nightbus.store.sqlite.plain_secrets import seal_plain_secrets

VERSION = 4
FILE_NAME = "nightbus.db"
_WITH_FORMS = 3  # the first version whose records have a form
_WITHOUT_PLAIN_SECRETS = 4
CLOCK = "clock"  # the counter that holds when something was last committed, UTC ms

_TABLES = """
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE name (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
                   UNIQUE (scope, kind, name));
CREATE TABLE record (scope TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
                     value BLOB NOT NULL, form INTEGER NOT NULL DEFAULT 1,
                     PRIMARY KEY (kind, scope, key)) WITHOUT ROWID;
CREATE TABLE entry (log INTEGER NOT NULL, position INTEGER NOT NULL, time INTEGER NOT NULL, key TEXT NOT NULL,
                    data BLOB NOT NULL, PRIMARY KEY (log, position)) WITHOUT ROWID;
CREATE INDEX entry_by_time ON entry (log, time, position);
CREATE INDEX entry_by_key ON entry (log, key, position) WHERE key <> '';
CREATE TABLE item (id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, due INTEGER NOT NULL, data BLOB NOT NULL,
                   grp TEXT NOT NULL DEFAULT '');
CREATE INDEX item_by_due ON item (queue, due, id);
CREATE TABLE blob_owner (digest TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (digest, owner)) WITHOUT ROWID;
INSERT INTO counter VALUES ('position', 0), ('item', 0);
"""

# From each version to the next one.
_STEPS = {
    1: "ALTER TABLE item ADD COLUMN grp TEXT NOT NULL DEFAULT '';",
    2: "ALTER TABLE record ADD COLUMN form INTEGER NOT NULL DEFAULT 1;",
    3: "",  # `plain_secrets`
}


class NewerSchema(Exception):
    """The data folder was written by a newer Nightbus."""


def connect(folder: Path, durable: bool, read_only: bool = False) -> sqlite3.Connection:
    (folder / FILE_NAME).touch(mode=0o600)  # SQLite gives its other files the same mode
    connection = sqlite3.connect(folder / FILE_NAME, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA cache_size = -2048")
    connection.execute("PRAGMA busy_timeout = 10000")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def look_at(folder: Path) -> sqlite3.Connection:
    """A connection that changes nothing, beside a running node or without one. Raises sqlite3.Error."""
    address = f"{(folder / FILE_NAME).absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 10000")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if 0 < version < _WITH_FORMS:  # what reads the newest schema reads this one too
        connection.execute("CREATE TEMP VIEW record AS SELECT *, 1 AS form FROM main.record")
    return connection


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether it has tables and indexes of a Nightbus, of an older one perhaps, and nothing that acts by itself."""
    objects = connection.execute("SELECT type || ' ' || name FROM sqlite_master WHERE sql <> ''").fetchall()
    made = {f"{kind.lower()} {name}" for kind, name in re.findall(r"CREATE (TABLE|INDEX) (\w+)", _TABLES)}
    return {"table record", "table item"} <= {name for (name,) in objects} <= made


def prepare(connection: sqlite3.Connection, folder: Path) -> None:
    """Make the tables in a new file, and bring an older one up to date. Raises NewerSchema."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerSchema(
            f"{folder} was written by a newer Nightbus (schema {version}, this one knows {VERSION})"
        )
    if version == 0:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version < VERSION:
        if version < _WITHOUT_PLAIN_SECRETS:
            _bring_up(connection, version, _WITHOUT_PLAIN_SECRETS - 1)
            seal_plain_secrets(connection, folder)  # before the version says so; again, if it is cut off
        _bring_up(connection, max(version, _WITHOUT_PLAIN_SECRETS - 1), VERSION)


def _bring_up(connection: sqlite3.Connection, version: int, wanted: int) -> None:
    steps = "".join(_STEPS[older] for older in range(version, wanted))
    connection.executescript(f"BEGIN; {steps} PRAGMA user_version = {wanted}; COMMIT;")


def keep_due(connection: sqlite3.Connection, now: int) -> None:
    """Move due times back where the wall clock was set back, so that an item that was due when the node ended is due
    now."""
    row = connection.execute("SELECT value FROM counter WHERE name = ?", (CLOCK,)).fetchone()
    if row is not None and row[0] > now + 1000:
        connection.execute("UPDATE item SET due = ? WHERE due > ? AND due <= ?", (now, now, row[0]))
