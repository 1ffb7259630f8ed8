"""Reads a body of multipart/form-data: the fields before the file, and then the file as a stream.

The file is the last field that counts; what follows it is read and ignored, as S3 does.
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from nightbus.aws.errors import AwsError

_LARGEST_FIELDS = 20 * 1024  # bytes before the file, as in S3
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;,\s]{1,200}))', re.IGNORECASE)
_DISPOSITION = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_HEAD_END = b"\r\n\r\n"
FILE = "file"


@dataclass(slots=True)
class Form:
    """The fields by their names in lower case, the name and the type of the file, and its bytes."""

    fields: dict[str, str] = field(default_factory=dict)
    file_name: str = ""
    file: AsyncIterator[bytes] | None = None


def boundary_of(content_type: str) -> bytes:
    match = _BOUNDARY.search(content_type)
    if match is None:
        raise malformed()
    return b"--" + (match[1] or match[2]).encode("latin-1")


async def read_form(content_type: str, source: AsyncIterator[bytes]) -> Form:
    """Return the form; its file is read from `source` while it is consumed. Raises AwsError."""
    return await _Reader(boundary_of(content_type), source).read()


class _Reader:
    def __init__(self, boundary: bytes, source: AsyncIterator[bytes]) -> None:
        self._boundary = boundary
        self._source = source
        self._buffer = b""

    async def read(self) -> Form:
        form, size = Form(), 0
        await self._until(self._boundary)
        while True:
            end = await self._exactly(2)
            if end == b"--":
                return form
            if end != b"\r\n":
                raise malformed()
            head = await self._until(_HEAD_END)
            disposition = dict(_named(head))
            name = disposition.get("name", "").lower()
            if name == FILE:
                form.file_name = disposition.get("filename", "").rpartition("/")[2].rpartition("\\")[2]
                form.file = self._rest()
                return form
            value = await self._until(b"\r\n" + self._boundary)
            size += len(head) + len(value)
            if size > _LARGEST_FIELDS:
                raise _too_large()
            form.fields[name] = value.decode("utf-8", "replace")

    async def _until(self, mark: bytes) -> bytes:
        """Return what stands before the next mark, which is passed over."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > _LARGEST_FIELDS:
                raise _too_large()
            await self._more()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        return found

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def _more(self) -> None:
        try:
            self._buffer += await anext(self._source)
        except StopAsyncIteration:
            raise malformed() from None

    async def _rest(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the file up to the next boundary, and read on to the end of the body."""
        mark = b"\r\n" + self._boundary
        while (at := self._buffer.find(mark)) < 0:
            whole = len(self._buffer) - len(mark) + 1  # the rest may be the beginning of a mark
            if whole > 0:
                chunk, self._buffer = self._buffer[:whole], self._buffer[whole:]
                yield chunk
            await self._more()
        if at:
            yield self._buffer[:at]
        self._buffer = b""
        async for _ in self._source:
            pass


def _named(head: bytes) -> list[tuple[str, str]]:
    """Return the parameters of the header Content-Disposition, their names in lower case."""
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            pairs = _DISPOSITION.findall(value)
            return [(key.lower(), re.sub(r"\\(.)", r"\1", text)) for key, text in pairs]
    return []


def malformed() -> AwsError:
    text = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", text)


def _too_large() -> AwsError:
    text = "Your POST request fields preceding the upload file were too large."
    fields = {"MaxSizeAllowed": str(_LARGEST_FIELDS)}
    return AwsError("MaxPostPreDataLengthExceeded", text, fields=fields)
