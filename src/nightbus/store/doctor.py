"""Examines a data folder. Each check looks at one thing, changes nothing, and says what it found and what to do.

It may run beside a node; what that node is in the middle of is then looked at again before it is called wrong.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from nightbus.store.backup import LINKS
from nightbus.store.changes import FIRST_CHOSEN_OFFSET
from nightbus.store.folder import FolderInUse, FolderLock
from nightbus.store.forms import UnreadableRecord, newest, value_of
from nightbus.store.sqlite.blobs import digest_path
from nightbus.store.sqlite.checkpoints import TOO_LARGE
from nightbus.store.sqlite.schema import FILE_NAME, VERSION, is_ours, look_at
from nightbus.store.vault import KEY_FILE

OK, NOTE, WRONG = "ok", "note", "wrong"
_LITTLE_ROOM = 64 * 1024 * 1024
_MOST_NAMED = 5
_FROM_BACKUP = "stop the node, move the folder away and restore a backup (nightbus restore)"


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is ok, note or wrong; `advice` is what to do, if anything."""

    level: str
    text: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """An open data folder. `running`: a node works on it."""

    folder: Path
    connection: sqlite3.Connection
    running: bool

    def number(self, query: str, *values: object) -> int:
        (value,) = self.connection.execute(query, values).fetchone()
        return int(value or 0)


Check = Callable[[Patient], Iterator[Finding]]


def examine(folder: Path, further: tuple[Check, ...] = ()) -> Iterator[Finding]:
    """Every finding, those of the checks `further` included."""
    if not (folder / FILE_NAME).is_file():
        yield Finding(
            WRONG,
            f"{folder} holds no Nightbus data",
            "name the folder with --data, or the database of a cluster with --store",
        )
        return
    lock: FolderLock | None = None
    try:
        lock = FolderLock.acquire(folder)
        yield Finding(OK, f"{folder} is not in use")
    except FolderInUse as taken:
        yield Finding(NOTE, str(taken).partition(";")[0], "its database is checked quickly; stop it for more")
    try:
        yield from _open(folder, lock is None, further)
    finally:
        if lock is not None:
            lock.release()


def _open(folder: Path, running: bool, further: tuple[Check, ...]) -> Iterator[Finding]:
    try:
        with closing(look_at(folder)) as connection:
            patient = Patient(folder, connection, running)
            yield from _schema(patient)
            if not is_ours(connection):
                return
            for check in (*CHECKS, *further):
                yield from check(patient)
    except sqlite3.Error as failure:
        yield Finding(WRONG, f"{FILE_NAME} cannot be read: {failure}", _FROM_BACKUP)


def _schema(patient: Patient) -> Iterator[Finding]:
    version = patient.number("PRAGMA user_version")
    if version > VERSION:
        advice = "start it with the Nightbus that wrote it, or a newer one"
        yield Finding(
            WRONG, f"schema {version}, written by a newer Nightbus (this one knows {VERSION})", advice
        )
    elif not is_ours(patient.connection):
        yield Finding(WRONG, f"{FILE_NAME} does not have the tables of Nightbus", _FROM_BACKUP)
    elif version < VERSION:
        yield Finding(
            NOTE, f"schema {version}", f"the next start brings it up to {VERSION}; back it up before"
        )
    else:
        yield Finding(OK, f"schema {version}")


def _permissions(patient: Patient) -> Iterator[Finding]:
    for path, mode_of_owner in (
        (patient.folder, 0o700),
        (patient.folder / FILE_NAME, 0o600),
        (patient.folder / KEY_FILE, 0o600),
    ):
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Finding(
                NOTE, f"others may look into {path} (mode {mode:o})", f"chmod {mode_of_owner:o} {path}"
            )


def _database(patient: Patient) -> Iterator[Finding]:
    check = "quick_check" if patient.running else "integrity_check"
    problems = [row[0] for row in patient.connection.execute(f"PRAGMA {check}(20)")]
    if problems == ["ok"]:
        yield Finding(OK, f"database sound ({check})")
    for text in [] if problems == ["ok"] else problems:
        yield Finding(WRONG, f"database damaged: {text}", _FROM_BACKUP)


def _log(patient: Patient) -> Iterator[Finding]:
    size = 0
    with suppress(FileNotFoundError):
        size = (patient.folder / f"{FILE_NAME}-wal").stat().st_size
    if patient.running and size > 2 * TOO_LARGE:
        yield Finding(NOTE, f"write-ahead log of {_megabytes(size)}", "is a backup or a long read under way?")
    elif not patient.running and size:
        text = f"write-ahead log of {_megabytes(size)}: the node was killed or had no room when it stopped"
        yield Finding(NOTE, text, "the next start goes on from it; never delete it")
    else:
        yield Finding(OK, f"write-ahead log of {_megabytes(size)}")


def _counters(patient: Patient) -> Iterator[Finding]:
    for name, query in (
        ("position", f"SELECT max(position) FROM entry WHERE position < {FIRST_CHOSEN_OFFSET}"),  # noqa: S608
        ("item", "SELECT max(id) FROM item"),
    ):
        used = patient.number(query)  # read first: a running node only counts on
        if used > patient.number("SELECT value FROM counter WHERE name = ?", name):
            yield Finding(
                WRONG, f"the counter of {name}s is behind: numbers would be given twice", _FROM_BACKUP
            )
    for table, column, what in (("entry", "log", "log entries"), ("item", "queue", "queued items")):
        query = f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM name)"  # noqa: S608
        lost = patient.number(query)
        if lost:
            yield Finding(WRONG, f"{lost} {what} belong to no name", _FROM_BACKUP)


def _records(patient: Patient) -> Iterator[Finding]:
    count = 0
    for kind, key, form, value in patient.connection.execute("SELECT kind, key, form, value FROM record"):
        count += 1
        try:
            value_of(kind, key, form, value)
        except UnreadableRecord as unreadable:
            newer = form > newest(kind)
            advice = "start it with the Nightbus that wrote it, or a newer one" if newer else _FROM_BACKUP
            yield Finding(WRONG, f"record {unreadable}", advice)
    yield Finding(OK, f"{count} records")


def _blobs(patient: Patient) -> Iterator[Finding]:
    folder = patient.folder / "blobs"
    there = {
        shelf.name + file.name: file
        for shelf in (folder.iterdir() if folder.is_dir() else ())
        if shelf.is_dir() and shelf.name != "incoming"
        for file in shelf.iterdir()
    }
    named = {row[0] for row in patient.connection.execute("SELECT DISTINCT digest FROM blob_owner")}
    missing = [one for one in sorted(named) if one not in there and _is_missed(patient, one)]
    damaged = [one for one in sorted(named & set(there)) if _is_damaged(patient, one)]
    spare = set(there) - named
    yield from _several(WRONG, "blobs are named and missing", missing, _FROM_BACKUP)
    yield from _several(WRONG, "blobs are damaged", damaged, _FROM_BACKUP)
    if not missing and not damaged:
        yield Finding(OK, f"{len(named)} blobs, each as its digest says")
    if spare and not patient.running:
        size = sum(there[one].stat().st_size for one in spare)
        yield Finding(
            NOTE, f"{len(spare)} blobs ({_megabytes(size)}) belong to nobody", "the next start drops them"
        )


def _is_missed(patient: Patient, digest: str) -> bool:
    """Still named, and still not there."""
    named = patient.number("SELECT count(*) FROM blob_owner WHERE digest = ?", digest)
    return bool(named) and not digest_path(patient.folder / "blobs", digest).is_file()


def _is_damaged(patient: Patient, digest: str) -> bool:
    try:
        with digest_path(patient.folder / "blobs", digest).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() != digest
    except FileNotFoundError:
        return _is_missed(patient, digest)
    except OSError:
        return True


def _several(level: str, what: str, names: list[str], advice: str) -> Iterator[Finding]:
    if names:
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        yield Finding(level, f"{len(names)} {what}: {', '.join(names[:_MOST_NAMED])}{more}", advice)


def _left_over(patient: Patient) -> Iterator[Finding]:
    for folder in patient.folder.glob(f"{LINKS}*"):
        yield Finding(
            NOTE, f"{folder} is of a backup that is under way or was killed", "delete it if none runs"
        )


def _sizes(patient: Patient) -> Iterator[Finding]:
    sizes = {
        "database": (patient.folder / FILE_NAME).stat().st_size,
        "blobs": _size(patient.folder / "blobs"),
        "unpacked functions": _size(patient.folder / "functions"),
    }
    free = shutil.disk_usage(patient.folder).free
    text = ", ".join(f"{name} {_megabytes(size)}" for name, size in sizes.items())
    yield Finding(OK, f"{text}; {_megabytes(free)} free")
    if free < _LITTLE_ROOM:
        advice = "make room: with a full disk the node takes nothing new"
        yield Finding(WRONG, f"only {_megabytes(free)} are free on the disk of {patient.folder}", advice)


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.lstat().st_size if path.is_file() else 0
    return size


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"


CHECKS: tuple[Check, ...] = (
    _permissions,
    _database,
    _log,
    _counters,
    _records,
    _blobs,
    _left_over,
    _sizes,
)
