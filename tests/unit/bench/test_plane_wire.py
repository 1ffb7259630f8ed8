"""The benchmark's own client finds where an answer ends, and counts what was answered and what was not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from plane_load import drive
from plane_wire import answer_end, put_events

BY_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: x\r\ncontent-length: 5\r\n\r\nhello"
BY_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [BY_LENGTH, BY_CHUNKS])
def test_an_answer_ends_with_its_last_byte(answer: bytes) -> None:
    assert answer_end(answer) == answer_end(answer + b"HTTP/1.1 200") == len(answer)
    assert [answer_end(answer[:cut]) for cut in range(len(answer))] == [0] * len(answer)


def test_a_length_in_the_body_is_no_header() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n"
    assert answer_end(head + b"\r\ncontent-length: 999\r\n") == len(head) + 23


class Server:
    """Answers every PutEvents it is sent with the same bytes, in two parts."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
            await reader.readexactly(int(length.split()[1]))
            self.requests += 1
            writer.write(self.answer[:20])
            await writer.drain()
            writer.write(self.answer[20:])


@pytest.fixture
async def answered() -> AsyncIterator[tuple[Server, str]]:
    server = Server(BY_LENGTH)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    listening.close()


async def test_each_answer_is_counted_once(answered: tuple[Server, str]) -> None:
    server, url = answered
    counted = await drive(url, put_events(url, range(10)), connections=3, seconds=0.1)
    assert counted["failed"] == 0
    assert 0 <= server.requests - counted["requests"] <= 3  # the last ones may not have been answered in time
    assert 0 < counted["p50"] <= counted["p99"]


async def test_what_is_refused_has_failed(answered: tuple[Server, str]) -> None:
    server, url = answered
    server.answer = REFUSED
    counted = await drive(url, put_events(url, range(10)), connections=1, seconds=0.1)
    assert counted["failed"] == counted["requests"] > 0
