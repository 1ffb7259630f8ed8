"""Reads the bodies of requests, and the files of objects, in chunks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import BinaryIO

from nightbus.aws.replies import ByteStream

CHUNK = 256 * 1024


async def chunks_of(data: ByteStream | bytes | str | None) -> AsyncIterator[bytes]:
    if isinstance(data, ByteStream):
        async for chunk in data.chunks:
            yield chunk
    elif data:
        yield data.encode() if isinstance(data, str) else data


def read_file(file: BinaryIO, start: int = 0, length: int | None = None) -> ByteStream:
    """Stream `length` bytes of the file from offset `start`; None streams all bytes from there on.

    A thread reads the file, and the stream closes it.
    """
    size = file.seek(0, os.SEEK_END) - start if length is None else length

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
