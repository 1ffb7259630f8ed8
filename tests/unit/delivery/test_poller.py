"""A poller finishes what its sink dealt with or no filter wanted, and nothing else, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery_rig import until
from nightbus.aws.errors import AwsError
from nightbus.bus.patterns import parse_pattern
from nightbus.clock import SystemClock, VirtualClock
from nightbus.delivery.polling.poller import Poller, PollerSettings
from nightbus.delivery.polling.queue_source import record_of
from nightbus.delivery.polling.records import SourceRecord, batches
from nightbus.node.loop_holds import LoopHolds

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
MANY = 10_000  # the largest batch size
ODD = parse_pattern('{"body": {"odd": [true]}}')


def record(number: int, size: int = 0) -> SourceRecord:
    message = {
        "MessageId": f"m{number}",
        "ReceiptHandle": f"r{number}",
        "Body": f'{{"odd": {"true" if number % 2 else "false"}}}' + " " * size,
        "Attributes": {"SentTimestamp": "0"},
        "MD5OfBody": "0" * 32,
    }
    return record_of(message, QUEUE)


class Shelf:
    """A source whose records lie ready; what is given back or fails to be taken lies on it again."""

    name = "shelf"

    def __init__(self, records: Sequence[SourceRecord], per_call: int = MANY) -> None:
        self.ready = list(records)
        self.finished: list[str] = []
        self.returned: list[str] = []
        self.troubles: list[Exception] = []
        self._per_call = per_call

    async def receive(self, limit: int, wait: int) -> list[SourceRecord]:
        if self.troubles:
            raise self.troubles.pop(0)
        most = min(limit, self._per_call)
        taken, self.ready = self.ready[:most], self.ready[most:]
        if not taken:
            await asyncio.Event().wait()
        return taken

    async def finish(self, records: Sequence[SourceRecord]) -> None:
        self.finished += [one["messageId"] for one in records]

    async def give_back(self, records: Sequence[SourceRecord]) -> None:
        self.returned += [one["messageId"] for one in records]


class Eater:
    """A sink that deals with all but `leaves`, and raises the next of `troubles` before."""

    name = "eater"
    largest = 6 * 1024 * 1024

    def __init__(self, leaves: Sequence[str] = (), troubles: Sequence[Exception] = ()) -> None:
        self.batches: list[list[str]] = []
        self._leaves = leaves
        self._troubles = list(troubles)

    async def send(self, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        self.batches.append([one["messageId"] for one in records])
        if self._troubles:
            raise self._troubles.pop(0)
        return [one for one in records if one["messageId"] not in self._leaves]


@asynccontextmanager
async def polling(
    source: Shelf, sink: Eater, settings: PollerSettings, clock: Any = None
) -> AsyncIterator[set[asyncio.Task[None]]]:
    carrying: set[asyncio.Task[None]] = set()
    poller = Poller(clock or SystemClock(), source, sink, settings, carrying)
    running = asyncio.create_task(poller.run())
    try:
        yield carrying
    finally:
        running.cancel()
        await asyncio.gather(running, *carrying, return_exceptions=True)


async def test_a_large_batch_is_filtered_beside_the_loop() -> None:
    source, sink = Shelf([record(number) for number in range(MANY)]), Eater()
    holds = LoopHolds()
    measuring = asyncio.create_task(holds.run())
    await asyncio.sleep(0)
    holds.reset()
    async with polling(source, sink, PollerSettings(MANY, patterns=[ODD])):
        await until(lambda: len(source.finished) == MANY)
    measuring.cancel()
    assert sink.batches == [[f"m{number}" for number in range(1, MANY, 2)]]
    assert sorted(source.finished) == sorted(f"m{number}" for number in range(MANY))
    assert holds.longest_ms < 50


async def test_what_the_sink_left_is_not_finished() -> None:
    source, sink = Shelf([record(number) for number in range(4)]), Eater(leaves=["m2"])
    async with polling(source, sink, PollerSettings(10)):
        await until(lambda: len(source.finished) == 3)
    assert source.finished == ["m0", "m1", "m3"]


@pytest.mark.parametrize(
    "trouble", [AwsError("TooManyRequestsException", "Rate Exceeded.", 429), OSError("disk")]
)
async def test_a_batch_that_the_sink_does_not_take_comes_again(trouble: Exception) -> None:
    source, sink = Shelf([record(0), record(1)], per_call=1), Eater(troubles=[trouble])
    async with polling(source, sink, PollerSettings(1)):
        await until(lambda: len(sink.batches) == 2 and source.finished)
    assert source.finished == ["m1"]


async def test_what_no_filter_wanted_is_finished_though_the_sink_fails() -> None:
    source, sink = (
        Shelf([record(0), record(1)]),
        Eater(troubles=[AwsError("TooManyRequestsException", "x", 429)]),
    )
    async with polling(source, sink, PollerSettings(10, patterns=[ODD])) as carrying:
        await until(lambda: len(sink.batches) == 1)
        await until(lambda: not carrying)
    assert source.finished == ["m0"]


async def test_a_poller_outlives_a_source_that_fails_and_a_record_that_cannot_be_read() -> None:
    clock = VirtualClock()
    source, sink = Shelf([{"body": {1, 2}, "messageId": "odd"}, record(1)], per_call=1), Eater()
    source.troubles = [AwsError("QueueDoesNotExist", "gone"), OSError("disk")]
    async with polling(source, sink, PollerSettings(1), clock):
        while not source.finished:
            await clock.advance(1)
            await asyncio.sleep(0.001)
    assert source.finished == ["m1"]


async def test_what_was_gathered_is_given_back_when_the_poller_is_replaced() -> None:
    source, sink = Shelf([record(0), record(1)]), Eater()
    async with polling(source, sink, PollerSettings(10, window_ms=60_000)):
        await until(lambda: not source.ready)
    await until(lambda: source.returned == ["m0", "m1"])
    assert sink.batches == []


async def test_a_window_fills_the_batch() -> None:
    source, sink = Shelf([record(number) for number in range(25)], per_call=10), Eater()
    async with polling(source, sink, PollerSettings(25, window_ms=60_000)):
        await until(lambda: bool(sink.batches))
    assert [len(batch) for batch in sink.batches] == [25]


@given(st.lists(st.integers(0, 5_000), max_size=60), st.integers(2_000, 20_000))
def test_batches_hold_every_record_in_order_and_fit(sizes: list[int], largest: int) -> None:
    records = [record(number, size) for number, size in enumerate(sizes)]
    made = list(batches(records, largest))
    assert [one for batch in made for one in batch] == records
    assert all(batch for batch in made)
    for batch in made:
        length = sum(len(str(one["body"])) for one in batch)
        assert length <= largest or len(batch) == 1


async def test_a_window_ends_when_the_largest_batch_is_full() -> None:
    """Else ten thousand long messages would be in memory, to be sent in many batches after all."""
    source, sink = Shelf([record(number, size=100_000) for number in range(200)], per_call=10), Eater()
    async with polling(source, sink, PollerSettings(MANY, window_ms=300_000), VirtualClock()):
        await until(lambda: len(source.finished) > 60)
    assert 50 < len(sink.batches[0]) < 70


async def test_a_trouble_that_lasts_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    source, sink, clock = Shelf([record(0)]), Eater(), VirtualClock()
    gone = AwsError("ResourceNotFoundException", "Function not found", 404)
    source.troubles = [*[gone] * 5, OSError("disk"), gone]
    async with polling(source, sink, PollerSettings(10), clock):
        async with asyncio.timeout(10):
            while not source.finished:
                await clock.advance(1)
                await asyncio.sleep(0.001)
    lines = [one.getMessage() for one in caplog.records]
    assert [line.rpartition(": ")[2] for line in lines] == [
        "Function not found",
        "disk",
        "Function not found",
    ]
