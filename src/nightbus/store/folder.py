"""Locks a data folder for one node, keeps it unreadable for other users, and syncs what was put into a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LOCK_NAME = "nightbus.lock"
_NOTE = re.compile(r"(?P<pid>[0-9]{1,10})(?:, port (?P<port>[0-9]{1,5}))?\n?")


class FolderInUse(Exception):
    """Another node works on the data folder; the text names the folder and that node's process."""


class FolderLock:
    """Held from `acquire` to `release`; the kernel lets go of it when the process dies."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def acquire(cls, folder: Path) -> FolderLock:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            holder = file.read().strip() or "unknown"
            file.close()
            raise FolderInUse(
                f"{folder} is in use by another node (process {holder}); stop that one, or choose another --data"
            ) from taken
        lock = cls(file)
        lock._note(f"{os.getpid()}")
        return lock

    def announce(self, port: int) -> None:
        """Say in the file where this node listens."""
        self._note(f"{os.getpid()}, port {port}")

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its note
            os.ftruncate(self._file.fileno(), 0)
            os.pwrite(self._file.fileno(), f"{text}\n".encode(), 0)

    def release(self) -> None:
        self._file.close()


@dataclass(frozen=True, slots=True)
class FolderHolder:
    """The process that holds a data folder; `port` is 0 until it listens."""

    pid: int
    port: int


def folder_holder(folder: Path) -> FolderHolder | None:
    """Who holds the lock now, as its file says; None where nobody does, or the folder is another user's.

    The file is written by the holder alone, so that its process id is the holder's for as long as the lock is held.
    """
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor) as file:
        if os.fstat(descriptor).st_uid != os.getuid():
            return None
        note = _NOTE.fullmatch(file.read(100))
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return None if note is None else FolderHolder(int(note["pid"]), int(note["port"] or 0))
    return None


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names of the files in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
