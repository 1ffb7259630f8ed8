"""Keeps blobs as files, and deletes those that nobody owns any more.

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
from collections.abc import AsyncIterable, Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from nightbus.store.folder import sync_folder
from nightbus.store.interface import Blob

_PIN_SECONDS = 3600.0


class BlobFolder:
    def __init__(self, folder: Path, durable: bool) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._durable = durable
        self._pins: dict[str, list[float]] = {}  # when each was put, unless a commit has kept it since
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._released = threading.Condition(self._lock)
        self._stopped = False
        folder.mkdir(mode=0o700, exist_ok=True)
        self._incoming.mkdir(mode=0o700, exist_ok=True)
        self._opened = self._file_time()
        if durable:
            sync_folder(folder.parent)

    def _file_time(self) -> float:
        """Now, by the clock that stamps files, which may lag behind the process's."""
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        try:
            return os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
            Path(name).unlink()

    def path(self, digest: str) -> Path:
        """Raises KeyError when there is no such blob."""
        path = self._path(digest)
        if not path.is_file():
            raise KeyError(digest)
        return path

    def open(self, digest: str) -> BinaryIO:
        """Raises KeyError when there is no such blob."""
        try:
            return self._path(digest).open("rb")
        except FileNotFoundError:
            raise KeyError(digest) from None

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
        path = self._path(digest)
        with self._lock:
            self._pins.setdefault(digest, []).append(time.monotonic())
            path.parent.mkdir(mode=0o700, exist_ok=True)
            temporary.replace(path)
        if self._durable:
            sync_folder(path.parent)
            sync_folder(self._folder)

    def hold(self, digest: str) -> None:
        """A commit that keeps it is being written: nothing drops it until `let_go`. Raises KeyError."""
        with self._lock:
            self.path(digest)
            self._held.add(digest)

    def let_go(self) -> None:
        """The commits of what was held are written, or undone."""
        if self._held:
            with self._lock:
                self._held.clear()
                self._released.notify_all()

    def kept(self, digest: str) -> None:
        """A commit keeps it now; one of its pins is not needed any more."""
        with self._lock:
            pins = self._pins.get(digest, [])[1:]
            self._set_pins(digest, pins)

    def drop(self, digest: str, is_owned: Callable[[str], bool]) -> None:
        """Delete the file unless somebody owns it or is about to."""
        with self._lock:
            self._released.wait_for(lambda: digest not in self._held)
            oldest = time.monotonic() - _PIN_SECONDS
            pins = [put for put in self._pins.get(digest, []) if put > oldest]
            self._set_pins(digest, pins)
            if not pins and not is_owned(digest):
                self._path(digest).unlink(missing_ok=True)

    def drop_forgotten(self, is_owned: Callable[[str], bool]) -> None:
        """Delete what was put long ago and never kept, since its request failed."""
        oldest = time.monotonic() - _PIN_SECONDS
        with self._lock:
            old = [digest for digest, pins in self._pins.items() if pins[-1] <= oldest]
        for digest in old:
            self.drop(digest, is_owned)

    @property
    def pinned(self) -> int:
        """How many blobs were put that no commit has kept yet."""
        return len(self._pins)

    def _set_pins(self, digest: str, pins: list[float]) -> None:
        if pins:
            self._pins[digest] = pins
        else:
            self._pins.pop(digest, None)

    def stop_sweep(self) -> None:
        self._stopped = True

    def sweep(self, is_owned: Callable[[str], bool]) -> None:
        """Delete what was written before this start and never kept."""
        for file in self._old_files(self._incoming):
            file.unlink(missing_ok=True)
        for shelf in self._folder.iterdir():
            if shelf != self._incoming and shelf.is_dir():
                for file in self._old_files(shelf):
                    self.drop(shelf.name + file.name, is_owned)

    def _old_files(self, folder: Path) -> Iterator[Path]:
        for file in folder.iterdir():
            if self._stopped:
                return
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < self._opened:
                    yield file

    def _path(self, digest: str) -> Path:
        return digest_path(self._folder, digest)


def digest_path(folder: Path, digest: str) -> Path:
    """Where in the blob folder the bytes of a digest lie."""
    return folder / digest[:2] / digest[2:]


def _take(file: IO[bytes], chunk: bytes, *hashes: hashlib._Hash) -> None:
    file.write(chunk)
    for one in hashes:
        one.update(chunk)
