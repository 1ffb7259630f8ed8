"""Writes zip files whose bytes depend on names, modes and contents only.

A file that has not changed since the last zip is not compressed again, so that the zip of a function with large
dependencies takes milliseconds when one of its modules changes. The format: APPNOTE.TXT of PKWARE, without zip64.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightbus.cli.errors import CommandFailed

_LEVEL = 6
_LOCAL, _CENTRAL, _END = (
    struct.Struct("<IHHHHHIIIHH"),
    struct.Struct("<IHHHHHHIIIHHHHHII"),
    struct.Struct("<IHHHHIIH"),
)
_VERSION, _UNIX = 20, 3 << 8
_DEFLATED, _UTF8 = 8, 0x800
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01
_MOST_FILES, _LARGEST = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Packed:
    """One file's content, compressed; `identity` says of which state of the file."""

    identity: tuple[int, int, int]
    checksum: int
    size: int
    data: bytes
    mode: int


class ZipWriter:
    """Makes zips, and keeps what it compressed as long as it lives."""

    def __init__(self) -> None:
        self._packed: dict[Path, _Packed] = {}

    def write(self, files: Sequence[tuple[Path, str]]) -> bytes:
        """Return the zip of files under the names beside them. Raises CommandFailed where it is too large, OSError."""
        if len(files) > _MOST_FILES:
            raise CommandFailed(f"{len(files):,} files are more than a zip file can have ({_MOST_FILES:,})")
        parts: list[bytes] = []
        directory: list[bytes] = []
        offset = 0
        for path, name in files:
            packed, encoded = self._pack(path), name.encode()
            flags = 0 if name.isascii() else _UTF8
            about = (
                flags,
                _DEFLATED,
                _TIME,
                _DATE,
                packed.checksum,
                len(packed.data),
                packed.size,
                len(encoded),
                0,
            )
            local = _LOCAL.pack(0x04034B50, _VERSION, *about) + encoded
            central = _CENTRAL.pack(
                0x02014B50, _UNIX | _VERSION, _VERSION, *about, 0, 0, 0, packed.mode << 16, offset
            )
            directory.append(central + encoded)
            parts += (local, packed.data)
            offset += len(local) + len(packed.data)
            if offset > _LARGEST:
                raise CommandFailed("the files are larger than a zip file can be")
        size = sum(map(len, directory))
        end = _END.pack(0x06054B50, 0, 0, len(files), len(files), size, offset, 0)
        return b"".join((*parts, *directory, end))

    def _pack(self, path: Path) -> _Packed:
        status = path.stat()
        identity = status.st_mtime_ns, status.st_size, status.st_mode
        packed = self._packed.get(path)
        if packed is not None and packed.identity == identity:
            return packed
        content = path.read_bytes()
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
        data = compressor.compress(content) + compressor.flush()
        mode = 0o100000 | (0o755 if status.st_mode & 0o100 else 0o644)
        packed = _Packed(identity, zlib.crc32(content), len(content), data, mode)
        self._packed[path] = packed
        return packed
