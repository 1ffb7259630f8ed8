"""Is every delivery tried until it is taken or given up, at the times of bus.retry, and never lost?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from delivery_rig import FUNCTION, HERE, Services, event, open_store, put_rule, read_json, router_over, until
from delivery_rig import put as put_events
from nightbus.aws.errors import AwsError
from nightbus.bus.retry import LONGEST_DELAY_MS, RetryPolicy, next_attempt
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher, decide
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.jobs import Delivered, Failed, Job
from nightbus.delivery.rule_origin import QUEUE, RuleJob, RuleOrigin, decode, retry_policy
from nightbus.delivery.rules import outcome_log
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import SYSTEM, Enqueue
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

BUSY = AwsError("TooManyRequestsException", "Rate exceeded.", 429)
GONE = AwsError("ResourceNotFoundException", "Function not found.", 404)
GROUP = "arn:aws:logs:eu-west-1:111111111111:log-group:/events"


@asynccontextmanager
async def dispatching(store: SqliteStore, clock: VirtualClock, services: Services) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        store,
        clock,
        services,
        "http://node",
        Queues(store, clock),
        ForwardingProcess({}),
        ApiInvoker(store, Vault(), HttpClient(), clock),
        router_over(store, clock),
    )
    running = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        await dispatcher.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def publish(store: SqliteStore, clock: VirtualClock, target: dict[str, Any], trace: str = "") -> None:
    await put_rule(store, "r", targets=[target])
    await put_events(router_over(store, clock), HERE, "default", [event("e1", n=1)], trace)


async def outcomes(store: SqliteStore, count: int) -> list[dict[str, Any]]:
    """Of the event's deliveries, once there are that many attempts."""
    async with asyncio.timeout(10):
        while True:
            found = await store.read(HERE, outcome_log("default"), key="e1")
            if len(found) >= count:
                return [read_json(entry.data) for entry in found]
            await asyncio.sleep(0.002)


async def left(store: SqliteStore, clock: VirtualClock) -> list[RuleJob]:
    """What is in the queue still, when everything is due."""
    await clock.advance(2 * 86_400)
    return [decode(item.data) for item in await store.lease(SYSTEM, QUEUE, 100, 60_000)]


async def test_a_delivery_that_is_taken_is_done(store: SqliteStore, clock: VirtualClock) -> None:
    services = Services()
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION}, "Root=1-2-3")
    async with dispatching(store, clock, services):
        (outcome,) = await outcomes(store, 1)
    assert outcome["outcome"] == "delivered"
    assert (outcome["rule"], outcome["target"], outcome["attempt"]) == ("r", "f", 1)
    ((operation, params, call),) = services.calls
    assert operation == "lambda:Invoke"
    assert (params["FunctionName"], params["InvocationType"]) == (FUNCTION, "Event")
    assert read_json(params["Payload"]) == event("e1", n=1)
    assert (call.caller.service, call.caller.source_arn, call.trace) == (
        "events.amazonaws.com", "arn:aws:events:eu-west-1:111111111111:rule/r", "Root=1-2-3",
    )  # fmt: skip
    assert call.scope == HERE
    assert await left(store, clock) == []


async def test_a_busy_target_is_tried_again_when_the_schedule_says_and_given_up_when_exhausted(
    store: SqliteStore, clock: VirtualClock
) -> None:
    services = Services([BUSY] * 9)
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION, "RetryPolicy": {"MaximumRetryAttempts": 4}})
    async with dispatching(store, clock, services):
        for attempt in range(1, 5):
            tried = await outcomes(store, attempt)
            assert len(services.calls) == attempt
            last = tried[-1]
            assert (last["outcome"], last["code"]) == ("will be tried again", "TooManyRequestsException")
            delay = last["next"] - last["time"]
            assert 500 << (attempt - 1) <= delay <= 1000 << (attempt - 1)
            await clock.advance((last["next"] - clock.now_ms() - 1) / 1000)
            assert len(services.calls) == attempt  # not a millisecond early
            await clock.advance(0.002)
            await until(lambda: len(services.calls) > attempt)  # noqa: B023 - awaited at once
        tried = await outcomes(store, 5)
        assert [one["attempt"] for one in tried] == [1, 2, 3, 4, 5]
        assert tried[-1]["outcome"] == "failed"
        assert "next" not in tried[-1]
    assert await left(store, clock) == []
    assert len(services.calls) == 5


async def test_an_event_that_grows_too_old_is_given_up(store: SqliteStore, clock: VirtualClock) -> None:
    services = Services([BUSY] * 50)
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION, "RetryPolicy": {"MaximumEventAgeInSeconds": 60}})
    async with dispatching(store, clock, services):
        tried = await outcomes(store, 1)
        while tried[-1]["outcome"] != "failed":
            await clock.advance((tried[-1]["next"] - clock.now_ms()) / 1000 + 0.001)
            tried = await outcomes(store, len(tried) + 1)
    assert tried[-1]["time"] <= tried[0]["time"] + 60_000
    assert 6 <= len(tried) <= 8  # 1+2+4+8+16+32 seconds at the most, half of it at the least


async def test_a_permanent_failure_is_not_tried_again(store: SqliteStore, clock: VirtualClock) -> None:
    services = Services([GONE])
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION})
    async with dispatching(store, clock, services):
        (outcome,) = await outcomes(store, 1)
    assert (outcome["outcome"], outcome["code"]) == ("failed", "ResourceNotFoundException")
    assert outcome["message"] == "Function not found."
    assert await left(store, clock) == []


async def test_a_failure_that_nobody_foresaw_is_tried_again(store: SqliteStore, clock: VirtualClock) -> None:
    services = Services([RuntimeError("out of luck")])
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION})
    async with dispatching(store, clock, services):
        await outcomes(store, 1)
        await clock.advance(1.1)
        first, second = await outcomes(store, 2)
    assert (first["outcome"], first["message"]) == ("will be tried again", "out of luck")
    assert second["outcome"] == "delivered"


async def test_what_was_not_delivered_goes_on_after_the_store_is_opened_again(
    tmp_path: Path, clock: VirtualClock
) -> None:
    store = open_store(tmp_path, clock)
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION})
    async with dispatching(store, clock, Services([BUSY])):
        await outcomes(store, 1)
    await store.close()
    store = open_store(tmp_path, clock)
    services = Services()
    async with dispatching(store, clock, services):
        await clock.advance(1.1)
        tried = await outcomes(store, 2)
    await store.close()
    assert [(one["attempt"], one["outcome"]) for one in tried] == [
        (1, "will be tried again"), (2, "delivered"),
    ]  # fmt: skip
    assert len(services.calls) == 1


async def test_a_delivery_that_a_stop_interrupts_is_made_at_the_next_start(
    tmp_path: Path, clock: VirtualClock
) -> None:
    class Stuck(Services):
        async def call(self, *args: Any) -> dict[str, Any]:
            await super().call(*args)
            await asyncio.Event().wait()
            return {}

    store = open_store(tmp_path, clock)
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION})
    stuck = Stuck()
    async with dispatching(store, clock, stuck):
        await until(lambda: stuck.calls)
    await store.close()
    store = open_store(tmp_path, clock)
    async with dispatching(store, clock, Services()):
        (outcome,) = await outcomes(store, 1)
    await store.close()
    assert (outcome["attempt"], outcome["outcome"]) == (1, "delivered")


async def test_an_item_that_cannot_be_read_stops_no_other_and_is_not_kept(
    store: SqliteStore, clock: VirtualClock
) -> None:
    await store.commit(Enqueue(SYSTEM, QUEUE, b"no delivery", clock.now_ms()))
    await publish(store, clock, {"Id": "f", "Arn": FUNCTION})
    async with dispatching(store, clock, Services()):
        (outcome,) = await outcomes(store, 1)
    assert outcome["outcome"] == "delivered"
    await clock.advance(2 * 86_400)
    assert await store.lease(SYSTEM, QUEUE, 100, 60_000) == []


async def test_a_log_group_gets_a_stream_when_it_has_none(store: SqliteStore, clock: VirtualClock) -> None:
    missing = AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    services = Services([missing])
    await publish(store, clock, {"Id": "g", "Arn": GROUP})
    async with dispatching(store, clock, services):
        (outcome,) = await outcomes(store, 1)
    assert outcome["outcome"] == "delivered"
    assert [operation for operation, _, _ in services.calls] == [
        "logs:PutLogEvents", "logs:CreateLogStream", "logs:PutLogEvents",
    ]  # fmt: skip
    assert {params["logGroupName"] for _, params, _ in services.calls} == {"/events"}
    (message,) = services.calls[2][1]["logEvents"]
    assert read_json(message["message"].encode()) == event("e1", n=1)


ACCEPTED = 1000
POLICY = {"MaximumRetryAttempts": 20, "MaximumEventAgeInSeconds": 3600}


@given(st.integers(1, 400), st.integers(0, 10**8), st.floats(0, 1))
def test_a_decision_is_that_of_the_retry_schedule(attempt: int, age: int, jitter: float) -> None:
    now = ACCEPTED + age
    target = {"Id": "f", "Arn": FUNCTION, "RetryPolicy": POLICY}
    origin = RuleOrigin(HERE, "b", "r", "a", "e")
    tried = Job(target, b"", retry_policy(target), origin, ACCEPTED, attempt)
    again = decide(tried, Failed("Busy", "", False), now, jitter).again_ms
    assert again == next_attempt(RetryPolicy(20, 3600), attempt, ACCEPTED, now, jitter)
    assert again is None or now < again <= now + LONGEST_DELAY_MS
    assert decide(tried, Failed("Gone", "", True), now, jitter).again_ms is None
    assert decide(tried, Delivered(), now, jitter).again_ms is None
