"""Moves the write-ahead log into the database file, beside the commits, when there is much of it.

A passive checkpoint runs on a connection and thread of its own. Under a load that never pauses it cannot reach the
log's end, so that SQLite would not begin it anew: past the second mark the writer carries over the little that is left.

The log's file is kept as large as it was: a commit that writes over what is there costs the disk a third of one that
makes the file longer. So its size says nothing, and what was written is estimated.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor

LARGE = 16 * 1024 * 1024
TOO_LARGE = 4 * LARGE
_KEPT = 2 * TOO_LARGE  # what stays of the file when SQLite begins it anew
_FRAME = 4096 + 24  # a page and its header
_PAGES_OF_A_GROUP = 5  # those that nearly every commit changes, however little it writes


def log_size(row: tuple[int, int, int]) -> int:
    """The bytes of the log after a checkpoint that answered with `row`."""
    return row[1] * _FRAME


class Checkpoints:
    """`side` makes a checkpoint elsewhere, and says how large the log is then; the rest is the writer's thread's."""

    def __init__(self, writing: sqlite3.Connection, executor: Executor, side: Callable[[], int]):
        self._writing = writing
        self._executor = executor
        self._side = side
        self._running = False
        self._written = 0
        self._size = 0
        writing.execute(f"PRAGMA journal_size_limit = {_KEPT}")

    def after_group(self, data: int) -> None:
        """A group of commits with so many bytes of data was written."""
        self._written += data + _PAGES_OF_A_GROUP * _FRAME
        if self._running:
            return
        if self._size > TOO_LARGE:  # right after a checkpoint, while little is left
            self.make_room()
        elif self._written > LARGE:
            self._written = 0
            self._running = True
            self._executor.submit(self._run)

    def make_room(self) -> None:
        """On the writer's thread: let the next commit begin the log anew, instead of at its end, if that can be."""
        self._size = 0  # where something reads an older state, the next time may do
        with contextlib.suppress(sqlite3.Error):
            self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _run(self) -> None:
        try:
            self._size = self._side()
        finally:
            self._running = False
