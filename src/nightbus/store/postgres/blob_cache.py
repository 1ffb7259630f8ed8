"""Keeps copies of blobs on the node's own disk, since packages of functions are opened again and again.

A copy is a file named by its digest; those that were opened last stay. Where the folder takes no file, as one that is
read-only or full, a blob is in memory or in an unnamed file instead while somebody reads it: an open never fails for
the sake of the cache. Several processes may have one folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, cast

log = logging.getLogger("nightbus.store")
DEFAULT_BYTES = 1024 * 1024 * 1024
_KEPT_SHARE = 2  # no blob is kept that would take more than one in so many bytes of the cache
_EMPTIED_TO = 0.8  # of the size, so that not each new copy looks through the folder
_IN_MEMORY = 16 * 1024 * 1024
_INCOMING = "incoming-"
_STALE_SECONDS = 3600.0


class DamagedBlob(Exception):
    """What came is not what the digest says."""


class _CannotWrite(Exception):
    pass


class BlobCache:
    """`folder` None: keeps nothing. `most` is in bytes."""

    def __init__(self, folder: Path | None, most: int = DEFAULT_BYTES) -> None:
        self._folder = folder
        self._most = most
        self._size = 0  # of what was there when it was looked through, and of what this process added since
        self._warned = False

    def open(self) -> None:
        """Make the folder, and look through it. Blocks."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for file in self._folder.glob(f"{_INCOMING}*"):
                if file.stat().st_mtime < time.time() - _STALE_SECONDS:
                    file.unlink(missing_ok=True)
            self._size = sum(size for _, size, _ in self._files())
        except OSError as failure:
            self._warn(failure)

    def find(self, digest: str, size: int) -> BinaryIO | None:
        """The copy, open, if there is one of this size (bytes)."""
        if self._folder is None:
            return None
        path = self._folder / digest
        try:
            file = path.open("rb")
        except OSError:
            return None
        if os.fstat(file.fileno()).st_size != size:  # the disk was full when it was written, say
            file.close()
            return None
        with contextlib.suppress(OSError):
            os.utime(file.fileno())
        return file

    def forget(self, digests: Sequence[str]) -> None:
        """Delete the copies. Blocks."""
        if self._folder is None:
            return
        for digest in digests:
            with contextlib.suppress(OSError):
                path = self._folder / digest
                size = path.stat().st_size
                path.unlink()
                self._size -= size

    async def take(self, digest: str, size: int, read: Callable[[], AsyncIterator[bytes]]) -> BinaryIO:
        """The bytes that `read` gives, as an open file, of which a copy is kept. Raises DamagedBlob, OSError where no
        place has room, and what `read` raises."""
        failure: OSError | None = None
        for make in self._places(size):
            try:
                file, path = await asyncio.to_thread(make)
            except OSError as refused:
                failure = refused
                self._warn(refused)
                continue
            try:
                return await self._fill(file, path, digest, read())
            except _CannotWrite as full:
                failure = cast(OSError, full.__cause__)
                self._warn(failure)
        raise failure or OSError("no place for a blob")

    def _places(self, size: int) -> Iterator[Callable[[], tuple[IO[bytes], Path | None]]]:
        if self._folder is not None and size * _KEPT_SHARE <= self._most:
            yield self._incoming
        if size <= _IN_MEMORY:
            yield lambda: (io.BytesIO(), None)
        else:
            yield lambda: (tempfile.TemporaryFile(dir=self._folder), None)  # noqa: SIM115 - the reader closes it
            yield lambda: (tempfile.TemporaryFile(), None)  # noqa: SIM115

    def _incoming(self) -> tuple[IO[bytes], Path | None]:
        descriptor, name = tempfile.mkstemp(prefix=_INCOMING, dir=self._folder)
        return os.fdopen(descriptor, "w+b"), Path(name)

    async def _fill(
        self, file: IO[bytes], path: Path | None, digest: str, pieces: AsyncIterator[bytes]
    ) -> BinaryIO:
        sha = hashlib.sha256()
        try:
            async for piece in pieces:
                await asyncio.to_thread(_add, file, piece, sha)
            if sha.hexdigest() != digest:
                raise DamagedBlob(f"the bytes of the blob {digest} are not what they were")
            await asyncio.to_thread(self._keep, file, path, digest)
        except BaseException:
            _discard(file, path)
            raise
        file.seek(0)
        return cast(BinaryIO, file)

    def _keep(self, file: IO[bytes], path: Path | None, digest: str) -> None:
        try:
            file.flush()
            if path is None or self._folder is None:
                return
            path.replace(self._folder / digest)
            self._size += os.fstat(file.fileno()).st_size
            if self._size > self._most:
                self._make_room()
        except OSError as failure:
            raise _CannotWrite from failure

    def _make_room(self) -> None:
        """Delete what was opened longest ago."""
        files = sorted(self._files())
        self._size = sum(size for _, size, _ in files)
        for _, size, file in files:
            if self._size <= self._most * _EMPTIED_TO:
                return
            if not file.name.startswith(_INCOMING):
                with contextlib.suppress(OSError):
                    file.unlink()
                    self._size -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        for file in self._folder.iterdir() if self._folder is not None else ():
            with contextlib.suppress(FileNotFoundError):
                status = file.stat()
                yield status.st_mtime, status.st_size, file

    def _warn(self, failure: OSError) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "the cache of blobs in %s takes no file, so blobs come from their home each time: %s",
                self._folder,
                failure,
            )

    def in_memory(self) -> dict[str, int]:
        return {"bytes of blobs on this disk": self._size}


def _discard(file: IO[bytes], path: Path | None) -> None:
    with contextlib.suppress(OSError):  # of a full disk, for what is not written yet
        file.close()
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink()


def _add(file: IO[bytes], piece: bytes, sha: hashlib._Hash) -> None:
    sha.update(piece)
    try:
        file.write(piece)
    except OSError as failure:
        raise _CannotWrite from failure
