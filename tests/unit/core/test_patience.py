"""Connections whose client does not go on with its request are closed, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nightbus.node.http import HttpProtocol
from nightbus.node.uvicorn_parts import Config

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
CLOSED_WITHIN = 10.0  # seconds; much more than it takes


class Hasty(HttpProtocol):
    patience_seconds = 0.2


async def application(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Answer the body, a while after it came."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    await asyncio.sleep(3 * Hasty.patience_seconds)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": body})


async def talk(*parts: bytes, pause: float = 0.0) -> tuple[bytes, bool]:
    """Return what the server answers to the parts, and whether it closes the connection after it."""
    from uvicorn.server import ServerState

    config = Config(application, http=Hasty, log_config=None, timeout_keep_alive=1000)
    config.load()
    loop = asyncio.get_running_loop()
    state = ServerState()
    server = await loop.create_server(
        lambda: Hasty(config=config, server_state=state, app_state={}), "127.0.0.1"
    )
    try:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for part in parts:
            if reader.at_eof():
                break
            writer.write(part)
            await asyncio.sleep(pause)
        try:
            answered = await asyncio.wait_for(reader.read(4096), CLOSED_WITHIN)
        except ConnectionError:  # closed before a part came
            answered = b""
        if not answered:
            return b"", True
        try:
            rest = await asyncio.wait_for(reader.read(4096), 3 * Hasty.patience_seconds)
        except TimeoutError:
            return answered, False
        return answered, rest == b""
    finally:
        server.close()


@pytest.mark.parametrize(
    "parts",
    [[], [b"\r\n"], [b"POST / HT"], [HEAD], [HEAD + b"\r\n"], [HEAD + b"\r\nab"]],
    ids=["nothing", "a line break", "a line", "a head", "no body", "half a body"],
)
def test_who_does_not_go_on_is_dropped(parts: list[bytes]) -> None:
    assert asyncio.run(talk(*parts)) == (b"", True)


def test_a_head_has_to_come_whole_in_time() -> None:
    slow = [bytes([byte]) for byte in HEAD]
    assert asyncio.run(talk(*slow, pause=0.05)) == (b"", True)


def test_a_body_may_take_longer_as_long_as_something_comes() -> None:
    slow = [HEAD + b"\r\n", b"a", b"b", b"c", b"d"]
    answer, closed = asyncio.run(talk(*slow, pause=0.1))
    assert (answer[:15], answer[-4:], closed) == (b"HTTP/1.1 200 OK", b"abcd", False)


def test_an_answer_may_take_longer() -> None:
    whole = HEAD + b"\r\nabcd"
    answer, closed = asyncio.run(talk(whole))
    assert (answer[-4:], closed) == (b"abcd", False)
    answer, closed = asyncio.run(talk(whole + b"GET /"))
    assert (answer[-4:], closed) == (b"abcd", True)


def test_an_idle_connection_is_not_kept_by_line_breaks() -> None:
    async def run() -> tuple[bytes, bool]:
        return await talk(HEAD + b"\r\nabcd", b"\r\n", pause=4 * Hasty.patience_seconds)

    answer, closed = asyncio.run(run())
    assert (answer[-4:], closed) == (b"abcd", True)
