"""A function that speaks to its Runtime API itself takes little of the node's memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from nightbus.functions.runtime_api.api import Answer, RuntimeApi
from nightbus.functions.runtime_api.connection import LARGEST_RESPONSE, Invocation

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n"
POST = b"POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n"


class Runtime:
    """Speaks to an API as a function may."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.api = RuntimeApi(lambda: None, self.answers.append)
        self._open: list[asyncio.StreamWriter] = []

    async def connect(self) -> Streams:
        host, _, port = self.api.address.rpartition(":")
        streams = await asyncio.open_connection(host, int(port))
        self._open.append(streams[1])
        return streams

    async def ask(self) -> Streams:
        """A connection that has got the invocation "1"."""
        reader, writer = await self.connect()
        writer.write(
            b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n"
            % self.api.address.encode()
        )
        async with asyncio.timeout(20):
            while not self.api.is_asked:
                await asyncio.sleep(0.001)
        self.api.give(Invocation("1", b"{}"))
        await reader.readuntil(b"\r\n\r\n{}")
        return reader, writer

    def close(self) -> None:
        for writer in self._open:
            writer.close()
        self.api.close()


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    made = Runtime()
    await made.api.listen()
    yield made
    made.close()


async def sent_until_it_ends(streams: Streams, data: bytes, most: int) -> int:
    """How many bytes were taken before the connection ended, or nothing more was taken for half a second."""
    sent = 0
    with contextlib.suppress(OSError, TimeoutError):
        while sent < most:
            streams[1].write(data)
            await asyncio.wait_for(streams[1].drain(), 0.5)
            sent += len(data)
    return sent


async def test_an_answer_is_taken_after_all_that(runtime: Runtime) -> None:
    reader, writer = await runtime.ask()
    for _ in range(40):
        await runtime.connect()
    for _ in range(4):
        other = await runtime.connect()
        await sent_until_it_ends(
            other, POST % (b"1", runtime.api.address.encode(), LARGEST_RESPONSE) + b"x" * 1000, 1
        )
        other[1].close()
    writer.write(POST % (b"1", runtime.api.address.encode(), LARGEST_RESPONSE) + b"x" * LARGEST_RESPONSE)
    assert b"202 Accepted" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert [len(answer.payload) for answer in runtime.answers] == [LARGEST_RESPONSE]


async def test_replies_that_are_not_read_do_not_pile_up(runtime: Runtime) -> None:
    streams = await runtime.connect()
    requests = b"GET /x HTTP/1.1\r\n\r\n" * 3000
    streams[0]._transport.pause_reading()  # type: ignore[attr-defined]
    assert await sent_until_it_ends(streams, requests, 100_000_000) < 50_000_000


@pytest.mark.parametrize(
    "begin",
    [
        b"GET /x HTTP/1.1\r\nName: ",
        b"GET /",
        POST % (b"1", b"x", 1) + b"x" + b"GET /",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nName: ",
    ],
    ids=["header", "url", "second", "trailer"],
)
async def test_a_head_has_an_end(runtime: Runtime, begin: bytes) -> None:
    streams = await runtime.connect()
    streams[1].write(begin)
    assert await sent_until_it_ends(streams, b"x" * 100_000, 100_000_000) < 50_000_000


async def test_bodies_that_are_never_whole_have_a_bound_together(runtime: Runtime) -> None:
    streams = [await runtime.connect() for _ in range(10)]
    begun = POST % (b"1", runtime.api.address.encode(), 6_000_000) + b"x" * 5_900_000
    await asyncio.gather(*(sent_until_it_ends(one, begun, 1) for one in streams))
    kept = sum(connection._kept for connection in runtime.api._connections)
    assert kept == runtime.api._kept <= 2 * LARGEST_RESPONSE
    for _, writer in streams:
        writer.close()
    async with asyncio.timeout(20):
        while runtime.api._connections:
            await asyncio.sleep(0.01)
    assert runtime.api._kept == 0


async def test_there_are_not_more_connections_than_a_runtime_needs(runtime: Runtime) -> None:
    readers = [(await runtime.connect())[0] for _ in range(100)]
    async with asyncio.timeout(10):
        while sum(reader.at_eof() or reader.exception() is not None for reader in readers) < 84:
            await asyncio.sleep(0.01)
    assert len(runtime.api._connections) == 16
