"""A stream of the API ends once, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

from nightbus.console.api.application import _stream
from nightbus.console.api.values import EventStream
from nightbus.node.admin.request import AdminRequest
from nightbus.store.interface import StoreUnavailable


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def test_a_stream_ends_where_nobody_knows_whether_its_session_has_ended() -> None:
    """As while the database is away, and nothing of the stream itself is to be read there."""
    sent, told, closed = list[Any](), list[Exception](), list[bool]()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def still() -> bool:
        raise StoreUnavailable("away")

    gateway = SimpleNamespace(tell_failure=lambda what, request_id, failure: told.append(failure))
    node = cast(Any, SimpleNamespace(ending=asyncio.Event(), gateway=gateway))
    request = AdminRequest(node, cast(Any, None), {}, receive, send)
    async with asyncio.timeout(20):
        await _stream(request, node, EventStream(silence(), still, lambda: closed.append(True)))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert not sent[-1].get("more_body")
    assert [type(failure) for failure in told] == [StoreUnavailable]
    assert closed == [True]
