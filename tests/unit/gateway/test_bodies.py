"""Bodies that have not come whole take only so much memory, whoever sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.gateway.bodies import Body, ClientGone, Room, read_whole
from nightbus.gateway.request import WireRequest
from nightbus.gateway.routing import Unroutable

MESSAGES: list[Mapping[str, Any]] = [
    {"type": "http.request", "body": b"12345", "more_body": True},
    {"type": "http.request", "body": b"67890", "more_body": True},
    {"type": "http.request", "body": b"", "more_body": False},
]


class Spoken:
    def spoken(self, request: WireRequest) -> tuple[str, None]:
        return "json", None


def read(room: Room, messages: list[Mapping[str, Any]]) -> bytes:
    request, waiting = WireRequest("POST", "/", {}, {}), iter(messages)

    async def receive() -> Mapping[str, Any]:
        return next(waiting)

    routes, verifier = Spoken(), None  # nobody is asked about a request without a key
    asyncio.run(read_whole(request, Body(receive), routes, verifier, room))  # type: ignore[arg-type]
    return request.body


def test_a_body_takes_room_while_it_comes() -> None:
    room = Room(10)
    assert read(room, MESSAGES) == b"1234567890"
    assert room.taken == 0
    with pytest.raises(ClientGone):
        read(room, [*MESSAGES[:2], {"type": "http.disconnect"}])
    assert room.taken == 0


def test_without_room_it_is_refused_and_may_be_sent_again() -> None:
    room = Room(9)
    with pytest.raises(Unroutable) as refused:
        read(room, MESSAGES)
    error: AwsError = refused.value.error
    assert (error.code, error.status, room.taken) == ("ServiceUnavailable", 503, 0)


def test_a_key_leaves_room_for_others() -> None:
    room = Room(12)
    assert room.take("hog", 6)
    assert not room.take("hog", 1)
    assert room.take("other", 3)
    assert not room.take("other", 1)
    assert room.take("", 1)
    room.give_back("hog", 6)
    assert room.take("other", 1)
    room.give_back("other", 4)
    room.give_back("", 1)
    assert room.taken == 0
    assert room.take("hog", 6)
