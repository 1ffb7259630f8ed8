"""When does the write-ahead log go into the database file? When it is large, and beside the commits.

A passive checkpoint runs on a connection and thread of its own. Under a load that never pauses it cannot reach the
log's end, so that SQLite would not begin it anew: past the second mark the writer carries over the little that is left.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

LARGE = 16 * 1024 * 1024
TOO_LARGE = 4 * LARGE
_KEPT = 4 * 1024 * 1024  # what stays of the file when SQLite begins it anew


class Checkpoints:
    """`side` is used under its own lock by the caller of `run`; `after_group` belongs to the writer's thread."""

    def __init__(self, wal: Path, writing: sqlite3.Connection, executor: Executor, side: Callable[[], None]):
        self._wal = wal
        self._writing = writing
        self._executor = executor
        self._side = side
        self._running = False
        self._next = LARGE
        writing.execute(f"PRAGMA journal_size_limit = {_KEPT}")

    def after_group(self) -> None:
        size = self._size()
        if size < LARGE:
            self._next = LARGE
        if size < self._next or self._running:
            return
        self._next = size + LARGE
        if size > TOO_LARGE:
            self.make_room()
            return
        self._running = True
        self._executor.submit(self._run)

    def make_room(self) -> None:
        """On the writer's thread: let the next commit begin the log anew, instead of at its end, if that can be."""
        with contextlib.suppress(sqlite3.Error):  # the next time may do
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _run(self) -> None:
        try:
            self._side()
        finally:
            self._running = False

    def _size(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0
