"""Keeps unpacked packages in a folder that outlives the node: a node for tests finds those of the one before.

A package lies in a folder named by its digest, beside a file, its seal, that says what was written there. Whoever finds
it looks whether all of it is as it was: a function without a sandbox may write beside its code. Nothing of it is synced
to disk, so packages from before the machine started are deleted.

A process holds a lock on the seal of each package that it uses, for as long as it lives. Of the others the most
recently used `_MOST` are kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nightbus.functions.packages import PackageFolder
from nightbus.functions.removal import remove_tree

_MOST = 6
_SEAL = ".seal"
_SEAL_BYTES = 64
_HALF_SECONDS = 3600.0  # after which what was left half unpacked is nobody's any more


class KeptPackages(PackageFolder):
    """`own` is the node's folder; `kept` the one that nodes share; `boot` another text after each start of the machine.

    What cannot be kept, since the folder cannot be written, or another node uses a package that is damaged, is unpacked
    into `own`, with what is merged of layers.
    """

    def __init__(self, own: Path, kept: Path, boot: str) -> None:
        super().__init__(own)
        self._root = kept
        self._kept = kept / hashlib.sha256(boot.encode()).hexdigest()[:16]
        self._used: dict[str, Path] = {}

    def find(self, digest: str) -> Path | None:
        """The folder of the package, where this node has used it already."""
        return self._used.get(digest) or super().find(digest)

    def unpack(self, package: BinaryIO, digest: str) -> Path:
        """The folder of the package, which is unpacked now, unless it is there as it was once. Raises AwsError.
        Blocks."""
        if digest not in self._used:
            if not self._is_obtained(package, digest):
                package.seek(0)
                return super().unpack(package, digest)
            self._used[digest] = self._kept / digest
        return self._used[digest]

    def _is_obtained(self, package: BinaryIO, digest: str) -> bool:
        try:
            self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._obtain(package, digest)
        except OSError:  # the folder cannot be written, or has no locks
            return False

    def _obtain(self, package: BinaryIO, digest: str) -> bool:
        """Whether the package is kept, whole, and locked by this process."""
        target, seal = self._kept / digest, self._kept / f"{digest}{_SEAL}"
        lock = os.open(seal, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            whole = False
            if _locked(lock):
                whole = _is_whole(target, lock) or self._unpacked_anew(package, digest, lock)
            fcntl.flock(lock, fcntl.LOCK_SH)  # waits for a process that unpacks it now
            is_there = os.fstat(lock).st_nlink > 0 and (whole or _is_whole(target, lock))
            if is_there:
                os.utime(seal)
                return True  # with the lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
        return False

    def _unpacked_anew(self, package: BinaryIO, digest: str, lock: int) -> bool:
        target = self._kept / digest
        os.truncate(lock, 0)
        remove_tree(target)
        with contextlib.suppress(OSError):
            target.rmdir()
        PackageFolder(self._kept).unpack(package, digest)
        os.pwrite(lock, _content(target), 0)
        self._trim()
        return True

    def _trim(self) -> None:
        """Delete what was used least recently, of those that no process uses."""
        seals = sorted(self._root.glob(f"*/*{_SEAL}"), key=_last_use, reverse=True)
        for seal in seals:
            if seal.parent != self._kept or seals.index(seal) >= _MOST:
                _drop(seal)
        for half in self._kept.glob(".unpacking-*"):
            if _last_use(half) < time.time() - _HALF_SECONDS:
                remove_tree(half)


def _drop(seal: Path) -> None:
    with contextlib.suppress(OSError):
        lock = os.open(seal, os.O_RDWR | os.O_CLOEXEC)
        try:
            if _locked(lock):
                os.truncate(lock, 0)
                remove_tree(seal.with_suffix(""))
                seal.unlink()
        finally:
            os.close(lock)


def _locked(lock: int) -> bool:
    """Whether nobody else has the lock, which is this process's alone then."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _last_use(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _is_whole(folder: Path, lock: int) -> bool:
    known = os.pread(lock, _SEAL_BYTES, 0)
    return len(known) == _SEAL_BYTES and folder.is_dir() and known == _content(folder)


def _content(folder: Path) -> bytes:
    """A digest of the names, sizes and times of change of all that lies in a folder; nobody can set back the latter."""
    digest = hashlib.sha256()
    for line in sorted(_lines(str(folder), "")):
        digest.update(line)
    return digest.hexdigest().encode()


def _lines(folder: str, below: str) -> Iterator[bytes]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield f"{name}/\n".encode("utf-8", "surrogateescape")
                yield from _lines(entry.path, name)
            else:
                found = entry.stat(follow_symlinks=False)
                text = f"{name} {found.st_mode} {found.st_size} {found.st_ctime_ns}\n"
                yield text.encode("utf-8", "surrogateescape")
