"""Unpacks an uploaded zip into a folder that Python can import from, and refuses zips that would do harm.

A package is unpacked once, by its digest, into a folder that is renamed into place when it is whole. What a zip may
hold is checked before a byte is written: names that leave the folder, links that point out of it, bombs.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nightbus.aws.errors import AwsError
from nightbus.functions.removal import remove_tree

LARGEST_UNZIPPED = 262_144_000
_MOST_ENTRIES = 100_000
_CHUNK = 1024 * 1024
_ENCRYPTED = 0x1
_LONGEST_NAME = 255
_LONGEST_PATH = 1024  # bytes; with the node's own folder before it, it stays below what systems take
_DEEPEST = 100
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


def _unreadable() -> AwsError:
    return AwsError(
        "InvalidParameterValueException",
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
        fields={"Type": "User"},
    )


def _too_large() -> AwsError:
    return AwsError(
        "InvalidParameterValueException",
        f"Unzipped size must be smaller than {LARGEST_UNZIPPED} bytes",
        fields={"Type": "User"},
    )


def check_package(file: BinaryIO) -> int:
    """The unzipped size in bytes. Raises AwsError InvalidParameterValueException in Lambda's words. Blocks."""
    try:
        with zipfile.ZipFile(file) as package:
            return sum(entry.file_size for entry in _entries(package))
    except (*_BROKEN, OSError) as broken:
        raise _unreadable() from broken


def _entries(package: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries, each one safe to write, their sizes as claimed within the limit."""
    entries = package.infolist()
    if not entries or len(entries) > _MOST_ENTRIES or not all(map(_is_harmless, entries)):
        raise _unreadable()
    if sum(entry.file_size for entry in entries) > LARGEST_UNZIPPED:
        raise _too_large()
    files = {_plain(entry) for entry in entries if not entry.is_dir()}
    folders = {"."}
    for parent in {posixpath.dirname(path) for path in files} | {
        _plain(entry) for entry in entries if entry.is_dir()
    }:
        while parent and parent not in folders:
            folders.add(parent)
            parent = posixpath.dirname(parent)
        if len(folders) > _MOST_ENTRIES:
            raise _unreadable()
    if files & folders:
        raise _unreadable()  # a file where a folder must be
    return entries


def _plain(entry: zipfile.ZipInfo) -> str:
    """The name as it will be written, without what means nothing in it; "." for the package's own folder."""
    return str(PurePosixPath(entry.filename))


def _is_harmless(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    return not (
        path.is_absolute()
        or ".." in path.parts
        or "\0" in entry.filename
        or len(path.parts) > _DEEPEST
        or len(os.fsencode(entry.filename)) > _LONGEST_PATH
        or entry.flag_bits & _ENCRYPTED
        or any(len(os.fsencode(part)) > _LONGEST_NAME for part in path.parts)
    )


class PackageFolder:
    """Where packages lie unpacked, by digest."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """What lies here, whole."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return [one.name for one in found if not one.name.startswith(".")]

    def drop(self, name: str) -> None:
        """Moved away first, so that nobody finds the half of it. Blocks."""
        gone = Path(tempfile.mkdtemp(prefix=".gone-", dir=self._folder))
        (self._folder / name).rename(gone / name)
        remove_tree(gone)

    def find(self, digest: str) -> Path | None:
        """The folder of the package, where it is unpacked already."""
        folder = self._folder / digest
        return folder if folder.is_dir() else None

    def unpack(self, package: BinaryIO, digest: str) -> Path:
        """The folder of the package, which is unpacked now. Raises AwsError. Blocks."""
        target = self._folder / digest
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=self._folder))
        try:
            _unpack(package, temporary)
            temporary.chmod(0o755)
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # else somebody was faster
                raise
        finally:
            remove_tree(temporary)
        return target

    def merged(self, layers: Sequence[Path]) -> Path | None:
        """The folder that holds all unpacked `layers`, later ones over earlier ones, as /opt does; None without any.

        Raises AwsError where links that each stay within their own layer lead out of the merged folder. Blocks.
        """
        if not layers:
            return None
        if len(layers) == 1:
            return layers[0]
        name = "-".join(layer.name[:16] for layer in layers)
        target = self._folder / f"layers-{name}"
        if target.is_dir():
            return target
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".merging-", dir=self._folder))
        try:
            for layer in layers:
                _lay_over(layer, temporary)
            _check_links(temporary)
            temporary.chmod(0o755)
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        finally:
            remove_tree(temporary)
        return target


def _lay_over(source: Path, target: Path) -> None:
    """Copy a folder over another one: what is there of another kind is replaced, and no link of either is followed."""
    for entry in os.scandir(source):
        path = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            if path.is_symlink() or not path.is_dir():
                path.unlink(missing_ok=True)
                path.mkdir()
            _lay_over(Path(entry.path), path)
            continue
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        path.unlink(missing_ok=True)
        shutil.copy2(entry.path, path, follow_symlinks=False)


def _check_links(folder: Path) -> None:
    root = folder.resolve()
    for parent, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(parent, name)
            if path.is_symlink() and not _resolved(path).is_relative_to(root):
                raise _unreadable()


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # links in a circle lead nowhere
        return path


def _unpack(package: BinaryIO, target: Path) -> None:
    root = target.resolve()
    try:
        with zipfile.ZipFile(package) as archive:
            written = 0
            links = []
            for entry in _entries(archive):
                mode = entry.external_attr >> 16
                if stat.S_ISLNK(mode):
                    links.append(entry)
                elif entry.is_dir():
                    (root / entry.filename).mkdir(parents=True, exist_ok=True)
                else:
                    written += _write(archive, entry, root / entry.filename, mode, LARGEST_UNZIPPED - written)
            for entry in links:
                _link(archive, entry, root)
            if any(not (root / entry.filename).resolve().is_relative_to(root) for entry in links):
                raise _unreadable()  # out through another link
    except _BROKEN as broken:
        raise _unreadable() from broken


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, mode: int, room: int) -> int:
    """How many bytes it had; what a zip claims of its sizes is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with archive.open(entry) as source, path.open("wb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > room:
                raise _too_large()
            file.write(chunk)
    path.chmod(0o755 if mode & 0o111 or not mode else 0o644)
    return size


def _link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path) -> None:
    """A link is made last, from inside to inside."""
    path = (root / entry.filename).parent.resolve() / PurePosixPath(entry.filename).name
    goal = archive.read(entry).decode("utf-8", "surrogateescape")
    resolved = Path(os.path.normpath(path.parent / goal))
    if (
        not goal
        or "\0" in goal
        or Path(goal).is_absolute()
        or not (path.is_relative_to(root) and resolved.is_relative_to(root))
    ):
        raise _unreadable()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        raise _unreadable()
    path.unlink(missing_ok=True)
    path.symlink_to(goal)
