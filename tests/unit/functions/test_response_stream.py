"""A streamed response on its way: through the Runtime API, with back pressure, with errors, and with nobody to read
it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator

import pytest

from nightbus.functions.runtime_api.api import Answer, RuntimeApi
from nightbus.functions.runtime_api.connection import Invocation
from nightbus.functions.runtime_api.response_stream import ResponseStream

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ANSWERS: list[Answer] = []
MEGABYTE = 1024 * 1024


@pytest.fixture(name="api")
async def listening() -> AsyncIterator[RuntimeApi]:
    ANSWERS.clear()
    api = RuntimeApi(lambda: None, ANSWERS.append)
    await api.listen()
    yield api
    api.close()


async def connect(api: RuntimeApi) -> Connection:
    host, port = api.address.split(":")
    return await asyncio.open_connection(host, int(port))


async def begun(api: RuntimeApi, stream: ResponseStream | None, headers: str = "") -> Connection:
    """A runtime that has got the invocation `id`, and begins to stream its response on a second connection."""
    _, asking = await connect(api)
    asking.write(f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {api.address}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        while not api.is_asked:
            await asyncio.sleep(0.005)
    api.give(Invocation("id", b"{}"), stream)
    reader, writer = await connect(api)
    writer.write(
        f"POST /2018-06-01/runtime/invocation/id/response HTTP/1.1\r\nHost: {api.address}\r\n{headers}"
        "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    return reader, writer


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def all_of(stream: ResponseStream) -> bytes:
    return b"".join([one async for one in stream.chunks()])


async def status(reader: asyncio.StreamReader) -> bytes:
    return (await asyncio.wait_for(reader.readline(), 20)).split(b" ")[1]


async def test_chunks_come_as_they_are_sent(api: RuntimeApi) -> None:
    stream = ResponseStream()
    reader, writer = await begun(api, stream, "Content-Type: text/plain\r\n")
    writer.write(chunk(b"first"))
    chunks = stream.chunks()
    assert await asyncio.wait_for(anext(chunks), 20) == b"first"
    assert (stream.began, stream.content_type, ANSWERS) == (True, "text/plain", [])
    writer.write(chunk(b"second") + b"0\r\n\r\n")
    assert await asyncio.wait_for(anext(chunks), 20) == b"second"
    assert await status(reader) == b"202"
    assert [Answer("id", b"", None, streamed=True, size=11)] == ANSWERS
    stream.finish()
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


async def test_a_stream_that_nobody_reads_stops_its_function(api: RuntimeApi) -> None:
    stream = ResponseStream()
    reader, writer = await begun(api, stream)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 * MEGABYTE:
            writer.write(chunk(b"x" * MEGABYTE))
            await asyncio.wait_for(writer.drain(), 0.5)
            sent += MEGABYTE
    assert sent < 32 * MEGABYTE  # what the sockets' buffers take
    held = sum(map(len, stream._chunks))
    assert held <= MEGABYTE
    reading = asyncio.create_task(all_of(stream))
    writer.write(b"0\r\n\r\n")
    assert await asyncio.wait_for(status(reader), 20) == b"202"
    stream.finish()
    assert len(await reading) == sent + MEGABYTE


async def test_what_nobody_wants_is_taken_and_dropped(api: RuntimeApi) -> None:
    stream = ResponseStream()
    reader, writer = await begun(api, stream)
    writer.write(chunk(b"x" * MEGABYTE))
    await asyncio.wait_for(stream.started.wait(), 20)
    stream.abandon()
    for _ in range(20):
        writer.write(chunk(b"x" * MEGABYTE))
        await asyncio.wait_for(writer.drain(), 20)
    writer.write(b"0\r\n\r\n")
    assert await status(reader) == b"202"
    assert stream._chunks == []


async def test_the_trailers_say_what_failed(api: RuntimeApi) -> None:
    stream = ResponseStream()
    _, writer = await begun(api, stream)
    body = base64.b64encode(b'{"errorType": "E"}').decode()
    trailers = f"Lambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: {body}\r\n"
    writer.write(chunk(b"x") + f"0\r\n{trailers}\r\n".encode())
    async with asyncio.timeout(20):
        while not ANSWERS:
            await asyncio.sleep(0.005)
    assert [Answer("id", b'{"errorType": "E"}', "E", streamed=True, size=1)] == ANSWERS


@pytest.mark.parametrize("body", ["no base64!", ""])
async def test_trailers_without_a_readable_body(api: RuntimeApi, body: str) -> None:
    _, writer = await begun(api, ResponseStream())
    trailers = f"Lambda-Runtime-Function-Error-Type: E\r\nLambda-Runtime-Function-Error-Body: {body}\r\n"
    writer.write(chunk(b"x") + f"0\r\n{trailers}\r\n".encode())
    async with asyncio.timeout(20):
        while not ANSWERS:
            await asyncio.sleep(0.005)
    assert ANSWERS[0].error_type == "E"
    assert b'"errorType":"E"' in ANSWERS[0].payload


async def test_without_a_stream_the_response_is_whole(api: RuntimeApi) -> None:
    reader, writer = await begun(api, None)
    writer.write(chunk(b"a") + chunk(b"b") + b"0\r\n\r\n")
    assert await status(reader) == b"202"
    assert [Answer("id", b"ab", None)] == ANSWERS


async def test_a_page_streams_nothing(api: RuntimeApi) -> None:
    stream = ResponseStream()
    reader, writer = await begun(api, stream, "Origin: http://pages.example.test\r\n")
    writer.write(chunk(b"a") + b"0\r\n\r\n")
    assert await status(reader) == b"403"
    assert (stream.began, ANSWERS) == (False, [])


async def test_many_small_chunks_are_no_long_head(api: RuntimeApi) -> None:
    stream = ResponseStream()
    reader, writer = await begun(api, stream)
    reading = asyncio.create_task(all_of(stream))
    for _ in range(50):
        writer.write(chunk(b"x") * 10_000)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert await asyncio.wait_for(status(reader), 20) == b"202"
    stream.finish()
    assert len(await reading) == 500_000


async def test_a_trailer_without_an_end_is_not_kept(api: RuntimeApi) -> None:
    _, writer = await begun(api, ResponseStream())
    writer.write(chunk(b"x") + b"0\r\nX: ")
    with pytest.raises(ConnectionError):
        for _ in range(100):
            writer.write(b"a" * 65536)
            await writer.drain()
