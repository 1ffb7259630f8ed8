"""Copies a data folder, of a running node too, into one file, and restores a folder from such a file.

The database is copied within one read transaction, and then the key of the vault, which was there before anything that
it sealed. Blobs never change, so it is enough that none goes between the
moment of that transaction and their copying: those that it names get a second name first, as hard links, in a
millisecond. The file is a plain tar; what comes back is checked as if an enemy had sent it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nightbus.store.folder import sync_folder
from nightbus.store.sqlite.blobs import digest_path
from nightbus.store.sqlite.schema import FILE_NAME, VERSION, is_ours, look_at
from nightbus.store.vault import KEY_FILE

_DATABASE = FILE_NAME
_BLOB = re.compile(r"blobs/([0-9a-f]{2})/([0-9a-f]{62})")
_CHUNK = 1024 * 1024
_TRIES = 5
LINKS = "backing-up-"  # begins the name of a folder that only a backup that was killed leaves behind


class BackupFailed(Exception):
    """Nothing was written; the text says why."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The content of a backup or of a restored folder. `missing` are blobs that the database names and that are not
    there."""

    size: int
    blobs: int
    missing: tuple[str, ...]


def back_up(folder: Path, file: Path) -> Copied:
    """A consistent copy in `file`, which appears whole or not at all. Raises BackupFailed."""
    if not (folder / _DATABASE).is_file():
        raise BackupFailed(f"{folder} holds no Nightbus data; a cluster's database is named by --store")
    target = file.absolute()
    try:
        with (
            tempfile.TemporaryDirectory(prefix=LINKS, dir=folder) as links,
            tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside,
        ):
            work = Path(beside)
            copied, missing = _snapshot(folder, Path(links), work / _DATABASE)
            archive = work / "archive"
            _write_archive(archive, work / _DATABASE, _copied_key(folder, work), copied)
            archive.replace(target)
        sync_folder(target.parent)
        return Copied(target.stat().st_size, len(copied), missing)
    except (OSError, sqlite3.Error, tarfile.TarError) as failure:
        raise BackupFailed(f"{folder} could not be copied to {file}: {failure}") from failure


def _snapshot(folder: Path, links: Path, database: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The database at one moment, and where each blob that it names is held: the digests that are nowhere come last.

    A blob that goes just before it is linked was released by a later commit; a new snapshot does not name it.
    """
    for last in (*[False] * (_TRIES - 1), True):
        with closing(look_at(folder)) as source:
            source.execute("BEGIN")
            digests = [row[0] for row in source.execute("SELECT DISTINCT digest FROM blob_owner")]
            held = {digest: links / digest for digest in digests if _link(folder, links, digest)}
            if len(held) < len(digests) and not last:
                continue
            with closing(sqlite3.connect(database)) as copy:
                database.chmod(0o600)
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            return held, tuple(sorted(set(digests) - set(held)))
    raise AssertionError("unreachable")


def _link(folder: Path, links: Path, digest: str) -> bool:
    if (links / digest).exists():
        return True
    blob = digest_path(folder / "blobs", digest)
    try:
        try:
            os.link(blob, links / digest)
        except OSError:
            if not blob.exists():
                return False
            shutil.copyfile(blob, links / digest)  # a file system without hard links
    except FileNotFoundError:
        return False
    return True


def _copied_key(folder: Path, work: Path) -> Path | None:
    with suppress(FileNotFoundError):
        return Path(shutil.copyfile(folder / KEY_FILE, work / KEY_FILE))
    return None


def _write_archive(archive: Path, database: Path, key: Path | None, blobs: dict[str, Path]) -> None:
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as raw:
        with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
            _add(tar, _DATABASE, database)
            if key is not None:
                _add(tar, KEY_FILE, key)
            for digest, path in sorted(blobs.items()):
                _add(tar, f"blobs/{digest[:2]}/{digest[2:]}", path)
        raw.flush()
        os.fsync(raw.fileno())


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = status.st_size, int(status.st_mtime), 0o600
        tar.addfile(entry, file)


def restore(file: Path, folder: Path) -> Copied:
    """The folder that was backed up, at `folder`, which must not hold anything. Raises BackupFailed."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupFailed(f"{folder} is not empty; restore into a new folder")
    target = folder.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            (work / "blobs").mkdir(mode=0o700)
            blobs = _unpack(file, work)
            missing = _check_database(work, blobs)
            sync_folder(work)
            with suppress(FileNotFoundError):
                target.rmdir()
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error, tarfile.TarError) as failure:
        raise BackupFailed(f"{file} could not be restored: {failure}") from failure
    return Copied((target / _DATABASE).stat().st_size, len(blobs), missing)


def _unpack(file: Path, work: Path) -> set[str]:
    """The digests of the blobs. Only plain files of known names are taken, and a blob must be what it is called."""
    seen: set[str] = set()
    blobs: set[str] = set()
    with tarfile.open(file, mode="r:") as tar:
        for entry in tar:
            blob = _BLOB.fullmatch(entry.name)
            plain = entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not entry.issparse()
            if not plain or not (blob or entry.name in (_DATABASE, KEY_FILE)):
                raise BackupFailed(f"{file} is no backup of Nightbus: it holds {entry.name!r}")
            if entry.name in seen:
                raise BackupFailed(f"{file} is no backup of Nightbus: it holds {entry.name!r} twice")
            seen.add(entry.name)
            source = tar.extractfile(entry)
            if source is None:
                raise BackupFailed(f"{file}: {entry.name!r} cannot be read")
            digest = _write(source, work / entry.name, entry.size)
            if blob:
                if digest != blob[1] + blob[2]:
                    raise BackupFailed(f"{file} is damaged: {entry.name} does not hold what it was")
                blobs.add(digest)
    if _DATABASE not in seen:
        raise BackupFailed(f"{file} is no backup of Nightbus: it holds no {_DATABASE}")
    return blobs


def _write(source: IO[bytes], path: Path, size: int) -> str:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    sha, left = hashlib.sha256(), size
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while left and (chunk := source.read(min(_CHUNK, left))):
            file.write(chunk)
            sha.update(chunk)
            left -= len(chunk)
        file.flush()
        os.fsync(file.fileno())
    if left:
        raise BackupFailed(f"{path.name}: the archive ends too early")
    sync_folder(path.parent)
    return sha.hexdigest()


def _check_database(folder: Path, blobs: set[str]) -> tuple[str, ...]:
    """The digests that it names and that were not there. Raises BackupFailed where it is not one of ours."""
    with closing(look_at(folder)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise BackupFailed(
                f"it was made by a newer Nightbus (schema {version}, this one knows {VERSION})"
            )
        if not is_ours(connection):
            raise BackupFailed(f"{_DATABASE} in it is not a database of Nightbus")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise BackupFailed(f"{_DATABASE} in it is damaged: {verdict}")
        named = {row[0] for row in connection.execute("SELECT DISTINCT digest FROM blob_owner")}
    return tuple(sorted(named - blobs))
