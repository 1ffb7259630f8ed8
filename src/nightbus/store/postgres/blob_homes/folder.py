"""Keeps the bytes of blobs as files of a folder that all nodes reach under a path, as on NFS.

A file of the folder has a number that the database has too. So a node whose folder is not the one of the others, since
it is not mounted for example, is refused instead of losing what it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nightbus.store.changes import StoreUnavailable
from nightbus.store.folder import sync_folder
from nightbus.store.postgres.blob_homes import PIECE

if TYPE_CHECKING:
    from nightbus.store.postgres.blob_rows import Connection

_MARK = "nightbus-blobs"
_META = "blob folder"


class OtherFolder(Exception):
    """The folder is not the one in which the cluster's blobs lie."""


class FolderHome:
    """Implements `nightbus.store.postgres.blob_homes.BlobHome`."""

    name = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def check(self, connection: Connection) -> None:
        """The first node marks the folder. Raises OtherFolder, OSError."""
        known = await connection.fetchval("SELECT value FROM meta WHERE key = $1", _META)
        if known is None:
            mark = await asyncio.to_thread(self._marked)
            known = await connection.fetchval(
                "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = meta.value RETURNING value",
                _META,
                mark,
            )
        if await asyncio.to_thread(self._mark) != known:
            raise OtherFolder(
                f"{self._folder} is not the folder in which the cluster keeps its blobs: is it mounted?"
            )

    def _marked(self) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), (self._folder / _MARK).open("x") as file:
            file.write(f"{secrets.token_hex(16)}\n")
            file.flush()
            os.fsync(file.fileno())
        return self._mark() or ""

    def _mark(self) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / _MARK).read_text().strip()
        return None

    async def write(self, content: int, pieces: AsyncIterator[bytes]) -> None:
        path = self._path(content)
        file = await asyncio.to_thread(self._new, path)
        try:
            with file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                await asyncio.to_thread(_keep, file, path)
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            raise

    def _new(self, path: Path) -> IO[bytes]:
        if not (self._folder / _MARK).is_file():
            raise StoreUnavailable(
                f"{self._folder} does not hold the cluster's blobs any more: is it mounted?"
            )
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")

    async def read(self, content: int) -> AsyncIterator[bytes]:
        try:
            file = await asyncio.to_thread(self._path(content).open, "rb")
        except FileNotFoundError:
            raise KeyError(content) from None
        with file:
            yield await asyncio.to_thread(file.read, PIECE)
            while piece := await asyncio.to_thread(file.read, PIECE):
                yield piece

    async def delete(self, content: int) -> None:
        await asyncio.to_thread(self._path(content).unlink, missing_ok=True)

    def _path(self, content: int) -> Path:
        name = f"{content:016x}"
        return self._folder / name[:2] / name[2:]


def _keep(file: IO[bytes], path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    sync_folder(path.parent)
    sync_folder(path.parent.parent)
