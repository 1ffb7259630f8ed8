"""When a batch of telemetry goes, and what is kept, dropped and told where the listener is slow or away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nightbus.functions.extensions.telemetry_delivery import Buffering, Subscriber


class Listener:
    """Takes batches, and answers with `status`."""

    def __init__(self) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.heads: list[str] = []
        self.status = 200
        self.came = asyncio.Event()
        self.port = 0
        self.is_frozen = False

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
        batch = json.loads(await reader.readexactly(size))
        if self.status == 200:
            self.batches.append(batch)
            self.heads.append(head)
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.came.set()

    async def until(self, count: int) -> list[dict[str, Any]]:
        """All events, once there are as many."""
        async with asyncio.timeout(10):
            while sum(map(len, self.batches)) < count:
                self.came.clear()
                await self.came.wait()
        return [event for batch in self.batches for event in batch]

    def subscriber(self, items: int = 1000, size: int = 262_144, seconds: float = 60.0) -> Subscriber:
        types = ("platform", "function")
        buffering = Buffering(items, size, seconds)
        return Subscriber(
            "127.0.0.1",
            self.port,
            "sandbox:1",
            "/path?q=1",
            types,
            buffering,
            is_frozen=lambda: self.is_frozen,
        )


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    server = await made.listen()
    yield made
    server.close()


def _event(number: int, text: str = "") -> dict[str, Any]:
    return {"time": "now", "type": "function", "record": f"{number}{text}"}


async def test_a_batch_goes_by_its_items_its_bytes_or_its_time(listener: Listener) -> None:
    by_items = listener.subscriber(items=3)
    for number in range(3):
        by_items.add(_event(number))
    assert await listener.until(3) == [_event(number) for number in range(3)]
    assert listener.heads[0].startswith("POST /path?q=1 HTTP/1.1\r\nHost: sandbox:1\r\n")
    by_bytes = listener.subscriber(size=1000)
    by_bytes.add(_event(0, "x" * 1000))
    await listener.until(4)
    by_time = listener.subscriber(seconds=0.01)
    by_time.add(_event(0))
    await listener.until(5)


async def test_a_batch_has_no_more_than_its_bounds(listener: Listener) -> None:
    subscriber = listener.subscriber(items=4, size=100_000)
    for number in range(10):
        subscriber.add(_event(number))
    await subscriber.flush()
    assert await listener.until(10) == [_event(number) for number in range(10)]
    assert max(map(len, listener.batches)) <= 4


async def test_what_a_listener_refuses_is_sent_again_in_order(listener: Listener) -> None:
    listener.status = 500
    subscriber = listener.subscriber(items=1)
    subscriber.add(_event(1))
    await asyncio.wait_for(listener.came.wait(), 10)
    subscriber.add(_event(2))
    listener.status = 200
    assert await listener.until(2) == [_event(1), _event(2)]


async def test_what_does_not_fit_is_dropped_and_told_once_the_listener_is_back() -> None:
    listener = Listener()
    server = await listener.listen()
    server.close()
    await server.wait_closed()
    subscriber = listener.subscriber(items=1, size=1000)
    for number in range(50):
        subscriber.add(_event(number, "x" * 100))
    again = await listener.listen()
    async with asyncio.timeout(10):
        while not any(event["type"] == "platform.logsDropped" for event in await listener.until(1)):
            await listener.until(sum(map(len, listener.batches)) + 1)
    events = [event for batch in listener.batches for event in batch]
    (told,) = [event for event in events if event["type"] == "platform.logsDropped"]
    sent = [event for event in events if event["type"] == "function"]
    assert [event["record"][0] for event in sent[:3]] == ["0", "1", "2"]
    assert len(sent) + told["record"]["droppedRecords"] == 50
    assert told["record"]["droppedBytes"] > 100 * told["record"]["droppedRecords"]
    subscriber.close()
    again.close()


async def test_a_listener_that_never_answers_is_not_waited_for() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    listener = Listener()
    listener.port = server.sockets[0].getsockname()[1]
    subscriber = listener.subscriber(items=1)
    subscriber.add(_event(1))
    await asyncio.wait_for(subscriber.flush(), 1.5)
    subscriber.close()
    subscriber.add(_event(2))
    server.close()


async def test_nothing_is_sent_to_a_frozen_listener_and_all_before_and_after(listener: Listener) -> None:
    subscriber = listener.subscriber(seconds=0.01)
    subscriber.add(_event(1))
    async with asyncio.timeout(10):
        while not subscriber.deliver():
            await asyncio.sleep(0.001)
    assert listener.batches == [[_event(1)]]
    listener.is_frozen = True
    subscriber.add(_event(2))
    async with asyncio.timeout(10):
        while subscriber._timer is not None:
            await asyncio.sleep(0.001)
    assert not subscriber.deliver()
    assert subscriber._sending is None
    listener.is_frozen = False
    assert not subscriber.deliver()
    assert await listener.until(2) == [_event(1), _event(2)]


async def test_what_a_listener_refused_before_the_freeze_is_not_sent_again_in_it(listener: Listener) -> None:
    listener.status = 500
    subscriber = listener.subscriber(items=1)
    subscriber.add(_event(1))
    await asyncio.wait_for(listener.came.wait(), 10)
    listener.is_frozen, listener.status = True, 200
    async with asyncio.timeout(10):
        while subscriber._sending is not None:
            await asyncio.sleep(0.001)
    assert listener.batches == []
    listener.is_frozen = False
    subscriber.add(_event(2))
    assert await listener.until(2) == [_event(1), _event(2)]
