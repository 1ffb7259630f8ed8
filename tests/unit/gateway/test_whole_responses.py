"""A whole response is handed to the server as one value, unless something in it asks for a closer look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from nightbus.gateway.response import RESPOND, WireResponse, sent_whole

Written = list[tuple[int, Mapping[bytes, bytes], bytes]]


def scope_of(written: Written, takes: bool = True) -> dict[str, Any]:
    def respond(status: int, headers: Mapping[bytes, bytes], body: bytes) -> bool:
        if takes:
            written.append((status, headers, body))
        return takes

    return {"extensions": {RESPOND: respond}}


def test_the_length_is_the_bodys() -> None:
    written: Written = []
    response = WireResponse(201, {"X-Amzn-RequestId": "id", "Content-Length": "7"}, b"{}")
    assert sent_whole(scope_of(written), response)
    assert written == [(201, {b"x-amzn-requestid": b"id", b"content-length": b"2"}, b"{}")]


async def chunks() -> AsyncIterator[bytes]:
    yield b"1"


@pytest.mark.parametrize(
    "response",
    [
        WireResponse(200, {}, chunks(), 1),
        WireResponse(200, {"x-amz-meta-a": "a\r\nb: c"}, b""),
        WireResponse(200, {"x-amz-meta-a": "\u00e4"}, b""),
        WireResponse(200, {"x-amz-meta-\r\nb": "c"}, b""),
        WireResponse(200, {"x-amz-meta b": "c"}, b""),
        WireResponse(200, {"x-amz-meta-\u00e4": "c"}, b""),
        WireResponse(200, {"": "c"}, b""),
        WireResponse(200, {"Connection": "close"}, b""),
    ],
    ids=["stream", "line break", "latin", "break in name", "space", "latin name", "no name", "connection"],
)
def test_what_is_unusual_goes_by_asgi(response: WireResponse) -> None:
    written: Written = []
    assert not sent_whole(scope_of(written), response)
    assert written == []


def test_a_server_may_not_take_it() -> None:
    assert not sent_whole({}, WireResponse())
    assert not sent_whole(scope_of([], takes=False), WireResponse())
