"""A target that fails all day gets exactly AWS's attempts, and then its dead-letter queue gets the event."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from delivery_rig import FUNCTION, HERE, Services, event, open_store, put, put_rule, router_over
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.rules import outcome_log
from nightbus.messaging.message import decode as decode_message
from nightbus.messaging.queue import KIND
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import PutRecord
from nightbus.store.vault import Vault

BROKEN = AwsError("ServiceException", "The service is broken.", 500)
DEAD = "arn:aws:sqs:eu-west-1:111111111111:dead"
HOUR_MS = 3_600_000
POLICY = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:*",
            "Resource": "*",
        }
    ]
}


class Broken(Services):
    """Fails until `heals`, in ms of the clock."""

    def __init__(self, clock: VirtualClock, heals: float = float("inf")) -> None:
        super().__init__()
        self._clock, self._heals = clock, heals

    async def call(self, *args: Any) -> dict[str, Any]:
        self.answers = [BROKEN] if self._clock.now_ms() < self._heals else []
        return await super().call(*args)


class Day:
    """A node's delivery on one folder; `restart` as after a crash."""

    def __init__(self, folder: Path, clock: VirtualClock, target: Services) -> None:
        self._folder, self.clock, self.target = folder, clock, target
        self.store = open_store(folder, clock)
        self._seen = 0  # attempts that `pass_on` returned
        self._start()

    def _start(self) -> None:
        queues = Queues(self.store, self.clock)
        invoker = ApiInvoker(self.store, Vault(), HttpClient(), self.clock)
        self._dispatcher = Dispatcher(
            self.store, self.clock, self.target, "http://node", queues, ForwardingProcess({}), invoker,
            router_over(self.store, self.clock),
        )  # fmt: skip
        self._running = asyncio.create_task(self._dispatcher.run())

    async def restart(self) -> None:
        await self.end()
        self.store = open_store(self._folder, self.clock)
        self._start()

    async def end(self) -> None:
        await self._dispatcher.close()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.store.close()

    async def outcomes(self) -> list[dict[str, Any]]:
        return [orjson.loads(one.data) for one in await self.store.read(HERE, outcome_log("default"))]

    async def pass_on(self) -> dict[str, Any]:
        """The next attempt, once it was written down."""
        found = await self.outcomes()
        if 0 < len(found) == self._seen:
            await self.clock.advance((found[-1]["next"] - self.clock.now_ms()) / 1000)
        async with asyncio.timeout(20):
            while len(found := await self.outcomes()) == self._seen:
                await self.clock.advance(0.001)  # who sleeps until then may be a part of a millisecond late
                await asyncio.sleep(0.001)
        self._seen += 1
        return found[self._seen - 1]

    async def dead_letters(self) -> list[Any]:
        items = await self.store.lease(HERE, "sqs/dead/q", 10, 1000)
        return [decode_message(item.data) for item in items]


@asynccontextmanager
async def a_day(folder: Path, target: type[Broken] = Broken, **given: Any) -> AsyncIterator[Day]:
    clock = VirtualClock()
    heals = clock.now_ms() + given.pop("heals", 1000) * HOUR_MS
    day = Day(folder, clock, target(clock, heals))
    queue = {"id": "q", "attributes": {"Policy": json.dumps(POLICY)}}
    await day.store.commit(PutRecord(HERE, KIND, "dead", queue))
    target_value = {"Id": "f", "Arn": FUNCTION, "DeadLetterConfig": {"Arn": DEAD}, **given}
    await put_rule(day.store, "r", targets=[target_value])
    await put(router_over(day.store, clock), HERE, "default", [event("e1")])
    yield day
    await day.end()


async def test_24_hours_are_186_attempts_and_a_dead_letter(tmp_path: Path) -> None:
    async with a_day(tmp_path) as day:
        began = day.clock.now_ms()
        for attempt in range(1, 186):
            told = await day.pass_on()
            assert (told["attempt"], told["outcome"]) == (attempt, "will be tried again")
            assert await day.dead_letters() == []
        last = await day.pass_on()
        assert (last["attempt"], last["outcome"], last["dead_letter"]) == (186, "failed", DEAD)
        assert 20 * HOUR_MS < last["time"] - began <= 24 * HOUR_MS
        assert len(day.target.calls) == 186
        (letter,) = await day.dead_letters()
        assert json.loads(letter.body)["id"] == "e1"
        assert {name: value["StringValue"] for name, value in letter.attributes.items()} == {
            "RULE_ARN": "arn:aws:events:eu-west-1:111111111111:rule/r",
            "TARGET_ARN": FUNCTION,
            "ERROR_CODE": "ERROR_FROM_TARGET",
            "ERROR_MESSAGE": "The service is broken.",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "RETRY_ATTEMPTS": "185",
        }
        await day.clock.advance(48 * 3600)
        assert len(day.target.calls) == 186


async def test_restarts_count_on(tmp_path: Path) -> None:
    async with a_day(tmp_path, RetryPolicy={"MaximumRetryAttempts": 20}) as day:
        while (await day.pass_on())["outcome"] != "failed":
            await day.restart()
        assert [one["attempt"] for one in await day.outcomes()] == list(range(1, 22))
        assert len(await day.dead_letters()) == 1


async def test_a_target_that_heals_gets_it_once(tmp_path: Path) -> None:
    async with a_day(tmp_path, heals=3) as day:
        while (told := await day.pass_on())["outcome"] != "delivered":
            pass
        assert told["attempt"] < 60
        await day.clock.advance(24 * 3600)
        assert (await day.outcomes())[-1] == told
        assert await day.dead_letters() == []


@pytest.mark.parametrize(
    ("policy", "attempts", "condition"),
    [
        ({"MaximumRetryAttempts": 0}, 1, "MaximumRetryAttempts"),
        ({"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 86400}, 4, "MaximumRetryAttempts"),
        ({"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60}, None, "MaximumEventAgeInSeconds"),
    ],
)
async def test_a_policy_of_the_targets_own(
    tmp_path: Path, policy: dict[str, int], attempts: int | None, condition: str
) -> None:
    async with a_day(tmp_path, RetryPolicy=policy) as day:
        while (told := await day.pass_on())["outcome"] != "failed":
            pass
        assert told["attempt"] == attempts if attempts else 5 <= told["attempt"] <= 8
        assert told["time"] - (await day.outcomes())[0]["time"] <= 86_400_000
        (letter,) = await day.dead_letters()
        assert letter.attributes["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == condition
