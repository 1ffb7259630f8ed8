"""Decodes the `aws-chunked` encoding of an upload.

Each chunk is `<hex size>[;chunk-signature=…]CRLF<data>CRLF`. Trailers follow the chunk of size 0, such as a checksum
that the client computed while it sent the body.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping

from nightbus.aws.errors import AwsError
from nightbus.gateway.checksums import HEADER_PREFIX, BodyCheck
from nightbus.gateway.signatures.payloads import ChunkSignatures

_LONGEST_LINE = 16 * 1024
_MOST_TRAILERS = 32
_SIZE = re.compile(rb"[0-9a-fA-F]{1,12}")


def is_chunked(headers: Mapping[str, str]) -> bool:
    return "aws-chunked" in headers.get("content-encoding", "") or headers.get(
        "x-amz-content-sha256", ""
    ).startswith("STREAMING-")


def incomplete() -> AwsError:
    return AwsError(
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


class ChunkedBody:
    """The decoded chunks. `trailers`, with names in lower case, is complete once the end was read.

    With `signatures` each chunk's is verified at its end, and that of the trailers. The source is read to its end
    whatever comes after the trailers, since it may verify the hash of the whole there.
    """

    def __init__(self, source: AsyncIterator[bytes], signatures: ChunkSignatures | None = None) -> None:
        self._source = source
        self._signatures = signatures
        self._buffer = bytearray()
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            line = await self._line()
            size = self._size(line)
            if self._signatures is not None:
                self._signatures.begin(line.partition(b";")[2].decode("latin-1"))
            if size == 0:
                await self._finish()
                return
            left = size
            while left:
                if not self._buffer and not await self._fill():
                    raise incomplete()
                taken = bytes(self._buffer[:left])
                del self._buffer[: len(taken)]
                left -= len(taken)
                if self._signatures is not None:
                    self._signatures.update(taken)
                yield taken
            if await self._line():
                raise incomplete()
            if self._signatures is not None:
                self._signatures.end()

    @staticmethod
    def _size(line: bytes) -> int:
        """Return the size of a chunk. Only digits are valid: a negative size would never be reached."""
        text = line.split(b";", 1)[0]
        if not _SIZE.fullmatch(text):
            raise incomplete()
        return int(text, 16)

    async def _line(self) -> bytes:
        line = await self._line_or_end()
        if line is None:
            raise incomplete()
        return line

    async def _line_or_end(self) -> bytes | None:
        """Return the next line, None if the body ends before the end of one."""
        while True:
            end = self._buffer.find(b"\r\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 2]
                return line
            if len(self._buffer) > _LONGEST_LINE:
                raise incomplete()
            if not await self._fill():
                return None

    async def _fill(self) -> bool:
        async for chunk in self._source:
            if chunk:
                self._buffer += chunk
                return True
        return False

    async def _finish(self) -> None:
        if self._signatures is not None:
            self._signatures.end()
        await self._read_trailers()
        async for _ in self._source:
            pass
        if self._signatures is not None:
            self._signatures.end_of_body(self.trailers)
        self.trailers.pop("x-amz-trailer-signature", None)
        while (
            self._buffer or await self._fill()
        ):  # read to its end, where the source may verify the whole of it
            if self._buffer.strip(b"\r\n"):
                raise incomplete()
            self._buffer.clear()

    async def _read_trailers(self) -> None:
        while line := await self._line_or_end():  # some clients omit the last line break
            if len(self.trailers) >= _MOST_TRAILERS:
                raise incomplete()
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers[name.strip().lower()] = value.strip()


async def checked(
    source: AsyncIterator[bytes],
    check: BodyCheck,
    length: int | None,
    trailers: Mapping[str, str],
    promised: Collection[str] = (),
) -> AsyncIterator[bytes]:
    """Yield `source` unchanged and verify it at its end: a wrong length or checksum raises before the last chunk.

    `promised` are trailers that have to be there (MalformedTrailerError,
    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
    """
    size = 0
    async for chunk in source:
        size += len(chunk)
        check.update(chunk)
        yield chunk
    if length is not None and size != length:
        raise incomplete()
    if any(name not in trailers for name in promised):
        text = (
            "The request contained trailing data that was not well-formed or did not conform to our published"
        )
        raise AwsError("MalformedTrailerError", f"{text} schema.")
    for name, value in trailers.items():
        if name.startswith(HEADER_PREFIX):
            check.expect(name.removeprefix(HEADER_PREFIX), value)
    check.verify()
