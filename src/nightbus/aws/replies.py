"""What travels beside an operation's plain members: streamed bodies, and the few HTTP details a model leaves out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ByteStream:
    """The value of a streaming blob member (S3 `Body`), in requests and in replies.

    `length` is in bytes, or None where it is not known beforehand. `chunks` is read once; what a client claims of
    the body is verified at its end and raises AwsError there. `trailers` are the headers (lower-case names) that came
    after the body, filled when the end was read.
    """

    chunks: AsyncIterator[bytes]
    length: int | None = None
    trailers: Mapping[str, str] = field(default_factory=dict)

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks])


@dataclass(frozen=True, slots=True)
class Reply:
    """A handler returns its output as a dict; this instead where status or headers differ from the model's."""

    output: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
