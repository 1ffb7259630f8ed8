"""Defines streamed bodies, and replies with HTTP details that are not in the service model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ByteStream:
    """The value of a streaming blob member (S3 `Body`), in requests and in replies.

    `length` is in bytes, None if it is not known beforehand. `chunks` can be read once. At its end it raises AwsError
    if the body does not have the length and the checksums that the client claims. `trailers` are the headers after the
    body, with names in lower case, which are there once the end was read.
    """

    chunks: AsyncIterator[bytes]
    length: int | None = None
    trailers: Mapping[str, str] = field(default_factory=dict)

    async def read(self) -> bytes:
        return b"".join([chunk async for chunk in self.chunks])


@dataclass(frozen=True, slots=True)
class EventStream:
    """The value of an event stream member, in replies. `events` are the name of each event with its members in wire
    names; it is closed where the client goes away."""

    events: AsyncGenerator[tuple[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a handler whose status or headers differ from the model's. Other handlers return a dict."""

    output: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
