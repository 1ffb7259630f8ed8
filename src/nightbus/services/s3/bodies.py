"""Bytes of objects: taken in as blobs, with the checksums that the client wants kept, and given out in chunks."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from nightbus.aws.replies import ByteStream

CHUNK = 256 * 1024
CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")


async def chunks_of(data: ByteStream | bytes | str | None) -> AsyncIterator[bytes]:
    if isinstance(data, ByteStream):
        async for chunk in data.chunks:
            yield chunk
    elif data:
        yield data.encode() if isinstance(data, str) else data


def read_file(path: Path, start: int = 0, length: int | None = None) -> ByteStream:
    """`length` bytes of the file from `start`, read in a thread; the file is opened before this returns, so that a
    deletion meanwhile does not matter."""
    file = path.open("rb")
    size = path.stat().st_size - start if length is None else length

    async def chunks() -> AsyncIterator[bytes]:
        left = size
        try:
            file.seek(start)
            while left > 0:
                chunk = await asyncio.to_thread(file.read, min(CHUNK, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk
        finally:
            file.close()

    return ByteStream(chunks(), size)


def given_checksums(parameters: Mapping[str, str | None], body: Any) -> dict[str, str]:
    """The checksums that came as members or, after the body, as trailers; all of them were verified on the way."""
    found = {name: value for name, value in parameters.items() if value is not None}
    for header, value in getattr(body, "trailers", {}).items():
        name = "Checksum" + header.removeprefix("x-amz-checksum-").upper()
        if name in CHECKSUMS:
            found[name] = value
    return found


def crc32_of(path: Path) -> str:
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            value = zlib.crc32(chunk, value)
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def sha_of(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, algorithm).digest()).decode()


_COMPUTED = {
    "CRC32": lambda path: ("ChecksumCRC32", crc32_of(path)),
    "SHA1": lambda path: ("ChecksumSHA1", sha_of(path, "sha1")),
    "SHA256": lambda path: ("ChecksumSHA256", sha_of(path, "sha256")),
}


async def wanted_checksum(path: Path, algorithm: str | None) -> dict[str, str]:
    """The checksum that a client asked for without sending it."""
    compute = _COMPUTED.get(algorithm or "")
    if compute is None:
        return {}
    name, value = await asyncio.to_thread(compute, path)
    return {name: value}
