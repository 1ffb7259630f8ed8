"""Who may use an environment's Runtime API, and how much a client may have it keep."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from nightbus.functions.runtime_api.api import Answer, RuntimeApi
from nightbus.functions.runtime_api.connection import Invocation

NEXT = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n"
INIT_ERROR = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 2\r\n"
ANSWERS: list[Answer] = []


@pytest.fixture(name="api")
async def listening() -> AsyncIterator[RuntimeApi]:
    ANSWERS.clear()
    api = RuntimeApi(lambda: None, ANSWERS.append)
    await api.listen()
    yield api
    api.close()


async def connect(api: RuntimeApi) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = api.address.split(":")
    return await asyncio.open_connection(host, int(port))


@pytest.mark.parametrize("request_line", [NEXT, INIT_ERROR])
@pytest.mark.parametrize(
    "headers",
    [
        "Host: rebound.example.test:{port}\r\n",
        "Host: {api}\r\nHost: {api}\r\n",
        "",
        "Host: {api}\r\nOrigin: http://pages.example.test\r\n",
        "Host: {api}\r\nOrigin: null\r\n",
        "Host: {api}\r\nReferer: http://pages.example.test/\r\n",
        "Host: {api}\r\nSec-Fetch-Site: cross-site\r\n",
    ],
)
async def test_a_web_page_neither_takes_work_nor_reports_errors(
    api: RuntimeApi, request_line: str, headers: str
) -> None:
    reader, writer = await connect(api)
    named = headers.format(api=api.address, port=api.address.split(":")[1])
    body = "{}" if request_line.startswith("POST") else ""
    writer.write(f"{request_line}{named}\r\n{body}".encode())
    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 403 ")
    assert (api.is_asked, ANSWERS) == (False, [])
    writer.close()


async def test_a_runtime_gets_its_work(api: RuntimeApi) -> None:
    reader, writer = await connect(api)
    writer.write(f"{NEXT}Host: {api.address}\r\n\r\n".encode())
    while not api.is_asked:
        await asyncio.sleep(0.01)
    api.give(Invocation("id", b"{}"))
    assert (await asyncio.wait_for(reader.readline(), 20)).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_nobody_else_takes_the_work_of_a_runtime(api: RuntimeApi) -> None:
    """Functions share the machine's loopback, and may find the ports of each other's environments."""
    ask = f"{NEXT}Host: {api.address}\r\n\r\n".encode()
    reader, writer = await connect(api)
    writer.write(ask)
    while not api.is_asked:
        await asyncio.sleep(0.01)
    foreign_reader, foreign_writer = await connect(api)
    foreign_writer.write(ask)
    assert (await asyncio.wait_for(foreign_reader.readline(), 20)).startswith(b"HTTP/1.1 403 ")
    api.give(Invocation("id", b'"the work"'))
    await asyncio.wait_for(reader.readuntil(b'"the work"'), 20)
    foreign_writer.write(ask)  # the runtime has not answered yet
    both = b'InvalidStateTransition"}HTTP/1.1 403 '
    await asyncio.wait_for(foreign_reader.readuntil(both), 20)
    writer.close()
    foreign_writer.close()


async def test_nobody_reports_an_error_of_the_start_of_a_runtime_that_has_started(api: RuntimeApi) -> None:
    _, writer = await connect(api)
    writer.write(f"{NEXT}Host: {api.address}\r\n\r\n".encode())
    while not api.is_asked:
        await asyncio.sleep(0.01)
    foreign_reader, foreign_writer = await connect(api)
    foreign_writer.write(f"{INIT_ERROR}Host: {api.address}\r\n\r\n{{}}".encode())
    assert (await asyncio.wait_for(foreign_reader.readline(), 20)).startswith(b"HTTP/1.1 403 ")
    assert ANSWERS == []
    writer.close()
    foreign_writer.close()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_a_runtime_that_reads_each_reply_to_its_end_is_not_kept_waiting(
    api: RuntimeApi, version: str
) -> None:
    """Small clients ask for `Connection: close`, or speak HTTP/1.0, and read until the connection ends."""
    wish = "Connection: close\r\n" if version == "1.1" else ""
    reader, writer = await connect(api)
    asked = NEXT.replace("HTTP/1.1", f"HTTP/{version}")
    writer.write(f"{asked}Host: {api.address}\r\n{wish}\r\n".encode())
    while not api.is_asked:
        await asyncio.sleep(0.01)
    api.give(Invocation("id", b'{"a": 1}'))
    assert (await asyncio.wait_for(reader.read(), 20)).endswith(b'\r\n\r\n{"a": 1}')
    writer.close()
    reader, writer = await connect(api)
    answer = f"POST /2018-06-01/runtime/invocation/id/response HTTP/{version}\r\nContent-Length: 2\r\n"
    writer.write(f"{answer}Host: {api.address}\r\n{wish}\r\n{{}}".encode())
    assert (await asyncio.wait_for(reader.read(), 20)).startswith(b"HTTP/1.1 202 ")
    assert [each.payload for each in ANSWERS] == [b"{}"]
    writer.close()


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ("GET /", b"a" * 65536),
        (f"{NEXT}X: ", b"a" * 65536),
        (NEXT, b"x: a\r\n" * 10_000),
        (f"{INIT_ERROR.split('Content')[0]}Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a" * 65536),
        (f"{INIT_ERROR.split('Content')[0]}Transfer-Encoding: chunked\r\n\r\n0\r\n", b"x: a\r\n" * 10_000),
    ],
    ids=["URL", "header", "headers", "trailer", "trailers"],
)
async def test_a_head_without_an_end_is_not_kept(api: RuntimeApi, head: str, rest: bytes) -> None:
    reader, writer = await connect(api)
    writer.write(head.encode())

    async def send() -> None:
        for _ in range(64):
            writer.write(rest)
            await writer.drain()

    with contextlib.suppress(ConnectionError):
        await send()
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()


async def test_a_client_that_reads_no_answer_is_not_read(api: RuntimeApi) -> None:
    _, writer = await connect(api)
    request = f"GET /nothing HTTP/1.1\r\nHost: {api.address}\r\n\r\n".encode() * 1000

    async def send() -> None:
        for _ in range(20 * 1024 * 1024 // len(request)):  # more than sockets hold
            writer.write(request)
            await writer.drain()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await send()
    writer.close()
