"""Where do bytes lie, and when may they go?

A blob is a file named by its SHA-256. Owners are rows of the database; a file goes when its last owner has let go of
it. Between its writing and the commit that keeps it a blob is pinned, so that nobody else's release takes it away.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import IO

from nightbus.store.interface import Blob

_PIN_SECONDS = 3600.0


class BlobFolder:
    def __init__(self, folder: Path, durable: bool) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._durable = durable
        self._pins: dict[str, float] = {}
        self._lock = threading.Lock()
        self._opened = time.time()
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Raises KeyError when there is no such blob."""
        path = self._place(digest)
        if not path.is_file():
            raise KeyError(digest)
        return path

    async def put(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        if isinstance(data, bytes | bytearray | memoryview):
            return await asyncio.to_thread(self._put_bytes, bytes(data))
        descriptor, name = await asyncio.to_thread(tempfile.mkstemp, dir=self._incoming)
        temporary = Path(name)
        sha, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        try:
            with os.fdopen(descriptor, "wb") as file:
                async for chunk in data:
                    await asyncio.to_thread(_take, file, chunk, sha, md5)
                    size += len(chunk)
                await asyncio.to_thread(self._settle, file, temporary, sha.hexdigest())
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()  # noqa: ASYNC240 - one system call, on the way out
            raise
        return Blob(sha.hexdigest(), size, md5.hexdigest())

    def _put_bytes(self, data: bytes) -> Blob:
        digest = hashlib.sha256(data).hexdigest()
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                self._settle(file, Path(name), digest)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        return Blob(digest, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())

    def _settle(self, file: IO[bytes], temporary: Path, digest: str) -> None:
        file.flush()
        if self._durable:
            os.fsync(file.fileno())
        place = self._place(digest)
        with self._lock:
            self._pins[digest] = time.monotonic()
            place.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.replace(place)
        if self._durable:
            _sync_folder(place.parent)
            _sync_folder(self._folder)

    def kept(self, digest: str) -> None:
        """A commit keeps it now; the pin is not needed any more."""
        with self._lock:
            self._pins.pop(digest, None)

    def drop(self, digest: str, is_owned: Callable[[str], bool]) -> None:
        """Delete the file unless somebody owns it or is about to."""
        with self._lock:
            pinned = self._pins.get(digest)
            if pinned is not None and time.monotonic() - pinned < _PIN_SECONDS:
                return
            self._pins.pop(digest, None)
            if not is_owned(digest):
                self._place(digest).unlink(missing_ok=True)

    def sweep(self, is_owned: Callable[[str], bool]) -> None:
        """Delete what was written before this start and never kept."""
        for file in self._incoming.iterdir():
            if file.stat().st_mtime < self._opened:
                file.unlink(missing_ok=True)
        for shelf in self._folder.iterdir():
            if shelf != self._incoming and shelf.is_dir():
                for file in shelf.iterdir():
                    with contextlib.suppress(FileNotFoundError):
                        if file.stat().st_mtime < self._opened:
                            self.drop(shelf.name + file.name, is_owned)

    def _place(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest[2:]


def _take(file: IO[bytes], chunk: bytes, *hashes: hashlib._Hash) -> None:
    file.write(chunk)
    for one in hashes:
        one.update(chunk)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
