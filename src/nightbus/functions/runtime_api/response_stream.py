"""Carries a streamed response from the Runtime API to the client, and slows the function down for a slow client.

How a stream goes
-----------------
what happens                     what the stream does
the runtime begins its response  `begin`: `started` is set, so the client's response can begin
it sends a chunk                 `feed`: the chunk waits for the reader. False where `_MOST_WAITING` bytes wait: the
                                 connection is not read any more until the reader has taken them
the reader takes chunks          `chunks`: all that wait, as one; the connection is read again
the client goes away             `abandon`: chunks are dropped from then on, and the function goes on, as on AWS
the invocation ends              `finish`: the reader gets what waits, and then the end

So a stream keeps at most `_MOST_WAITING` bytes and what one read of the connection gives.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

LARGEST_STREAM = 200 * 1024 * 1024
_MOST_WAITING = 256 * 1024


class ResponseStream:
    """For one invocation. `started` is set when the function streams, and when the invocation has ended."""

    def __init__(self) -> None:
        self.began = False
        self.content_type = ""
        self.started = asyncio.Event()
        self._chunks: list[bytes] = []
        self._size = 0
        self._resume: Callable[[], None] | None = None
        self._changed = asyncio.Event()
        self._finished = False
        self._abandoned = False

    def begin(self, content_type: str, resume: Callable[[], None]) -> None:
        """`resume` lets the connection be read again after `feed` has returned False."""
        self.began, self.content_type, self._resume = True, content_type, resume
        self.started.set()

    def feed(self, chunk: bytes) -> bool:
        """Whether more can be taken now."""
        if self._abandoned or self._finished:
            return True
        self._chunks.append(chunk)
        self._size += len(chunk)
        self._changed.set()
        return self._size < _MOST_WAITING

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """What the function has sent, until the invocation ends. For one reader, once."""
        while True:
            if self._chunks:
                taken, self._chunks, self._size = b"".join(self._chunks), [], 0
                self._read_on()
                yield taken
            elif self._finished:
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    def abandon(self) -> None:
        """Nobody reads any more."""
        self._abandoned = True
        self._chunks, self._size = [], 0
        self._read_on()

    def finish(self) -> None:
        self._finished = True
        self._resume = None
        self.started.set()
        self._changed.set()

    def _read_on(self) -> None:
        if self._resume is not None:
            self._resume()
