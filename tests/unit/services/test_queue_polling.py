"""A poller of a queue leaves the event loop to others, however many messages it has gathered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from nightbus.aws.calls import Scope
from nightbus.bus.patterns import parse_pattern
from nightbus.node.loop_holds import LoopHolds
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.running import Runnable
from nightbus.services.lambda_.names import function_ref
from nightbus.services.lambda_.queue_sources.batches import record_of
from nightbus.services.lambda_.queue_sources.polling import Mapping, _Poller

HERE = Scope("000000000000", "us-east-1")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
MANY = 10_000  # the largest batch size


def record(number: int) -> dict[str, Any]:
    message = {
        "MessageId": f"m{number}",
        "ReceiptHandle": f"r{number}",
        "Body": f'{{"odd": {"true" if number % 2 else "false"}}}',
        "Attributes": {"SentTimestamp": "0"},
        "MD5OfBody": "0" * 32,
    }
    return record_of(message, QUEUE)


async def test_a_large_batch_is_filtered_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = Mapping(
        scope=HERE,
        uuid="u",
        ref=function_ref(HERE, "f"),
        queue_arn=QUEUE,
        url_path="/q",
        batch_size=MANY,
        window_ms=1_000,
        patterns=[parse_pattern('{"body": {"odd": [true]}}')],
        reports_failures=False,
        most_at_once=1,
    )
    poller = _Poller(cast(Platform, None), mapping, set())
    invoked: list[str] = []
    deleted: list[str] = []

    async def invoke(_: Runnable, records: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        invoked.extend(one["messageId"] for one in records)
        return records

    async def delete(_: Runnable, records: Sequence[dict[str, Any]]) -> None:
        deleted.extend(one["messageId"] for one in records)

    monkeypatch.setattr(poller, "_invoke", invoke)
    monkeypatch.setattr(poller, "_delete", delete)
    records = [record(number) for number in range(MANY)]
    holds = LoopHolds()
    measuring = asyncio.create_task(holds.run())
    await asyncio.sleep(0)
    holds.reset()
    await poller._carry(cast(Runnable, None), records)
    await asyncio.sleep(0)
    measuring.cancel()
    assert invoked == [f"m{number}" for number in range(1, MANY, 2)]
    assert sorted(deleted) == sorted(f"m{number}" for number in range(MANY))
    assert holds.longest_ms < 50
