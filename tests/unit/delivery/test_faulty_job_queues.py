"""A job queue with a fault delivers nothing again and again, and blocks no other job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from delivery_rig import HERE, Services, router_over, until
from nightbus.aws.calls import Call, Caller
from nightbus.bus.retry import RetryPolicy
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.jobs import Attempt, DeadLetter, Failed, Job
from nightbus.delivery.rule_origin import RuleOrigin
from nightbus.messaging.queue import KIND
from nightbus.messaging.queue_writes import Incoming
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import SYSTEM, Change, Counts, Enqueue, PutRecord, RequireRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

QUEUE = "test/faulty"
TARGET = {"Arn": "arn:aws:sqs:eu-west-1:111111111111:q"}
DEAD = "arn:aws:sqs:eu-west-1:111111111111:dead"


class Faulty:
    """Implements `nightbus.delivery.jobs.JobQueue`; `fault` names the method that fails."""

    name = QUEUE

    def __init__(self, store: SqliteStore, fault: str) -> None:
        self._store = store
        self._fault = fault
        self.failures: list[Attempt] = []
        self.attempts_before: list[int] = []

    def _fail(self, method: str) -> None:
        if method == self._fault:
            raise RuntimeError(f"a fault of {method}")

    def decode(self, data: bytes) -> Job[RuleOrigin]:
        attempt, accepted = orjson.loads(data)
        origin = RuleOrigin(HERE, "default", "r", "arn:aws:events:eu-west-1:111111111111:rule/r", "e1")
        return Job(TARGET, b"{}", RetryPolicy(3), origin, accepted, attempt)

    def encode(self, job: Job[RuleOrigin]) -> bytes:
        return orjson.dumps([job.attempt, job.accepted])

    async def current(self, job: Job[RuleOrigin]) -> Job[RuleOrigin]:
        self.attempts_before.append(job.attempt)
        self._fail("current")
        return job

    def call(self, job: Job[RuleOrigin], endpoint: str) -> Call:
        self._fail("call")
        return Call(HERE, Caller.for_service(HERE.account, "test", job.origin.arn), endpoint)

    async def records(self, job: Job[RuleOrigin], attempt: Attempt) -> list[Change]:
        self._fail("records")
        if self._fault == "changes":
            return [RequireRecord(HERE, "never", "there", 7)]
        if self._fault == "a conflict":
            record = await self._store.get(HERE, KIND, "q")
            assert record is not None
            if record.revision == 1:  # somebody changes it after it was read
                await self._store.commit(PutRecord(HERE, KIND, "q", record.value))
            return [RequireRecord(HERE, KIND, "q", record.revision)]
        return []

    async def dead_letter(self, job: Job[RuleOrigin], failure: Failed) -> DeadLetter:
        return DeadLetter(DEAD, "test", job.origin.arn, HERE.account, Incoming("dead", {}), "the test")

    def log_failure(self, job: Job[RuleOrigin], failure: Failed, attempt: Attempt) -> None:
        self.failures.append(attempt)


@asynccontextmanager
async def dispatching(
    store: SqliteStore, clock: VirtualClock, services: Services, jobs: Faulty
) -> AsyncIterator[None]:
    dispatcher = Dispatcher(
        store, clock, services, "http://node", Queues(store, clock), ForwardingProcess({}),
        ApiInvoker(store, Vault(), HttpClient(), clock), router_over(store, clock),
    )  # fmt: skip
    dispatcher.add(jobs)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        await dispatcher.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_gone(store: SqliteStore, clock: VirtualClock, step: float = 1.0) -> None:
    async with asyncio.timeout(20):
        while await store.count(SYSTEM, QUEUE) != Counts(0, 0, 0):
            await clock.advance(step)
            await asyncio.sleep(0.001)


def job(clock: VirtualClock, accepted: int | None = None) -> Enqueue:
    now = clock.now_ms()
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([1, now if accepted is None else accepted]), now)


async def test_a_job_that_cannot_be_made_ready_counts_attempts_and_is_dropped_after_a_day(
    store: SqliteStore, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    services, jobs = Services(), Faulty(store, "current")
    began = clock.now_ms()
    await store.commit(job(clock))
    with caplog.at_level(logging.ERROR):
        async with dispatching(store, clock, services, jobs):
            await until_gone(store, clock, 300)
    assert services.calls == []
    assert jobs.attempts_before == list(range(1, len(jobs.attempts_before) + 1))
    assert 100 < len(jobs.attempts_before) <= 186
    assert clock.now_ms() - began <= 86_400_000 + 600_000
    lines = [one.getMessage() for one in caplog.records]
    assert "attempt 2 follows" in lines[0]
    assert "it is lost" in lines[-1]


@pytest.mark.parametrize("fault", ["records", "changes"])
async def test_what_cannot_be_recorded_is_delivered_once_all_the_same(
    store: SqliteStore, clock: VirtualClock, fault: str
) -> None:
    services = Services([{"MessageId": "m"}] * 10)
    await store.commit(job(clock))
    async with dispatching(store, clock, services, Faulty(store, fault)):
        await until_gone(store, clock)
        await clock.advance(600)
    assert len(services.calls) == 1


async def test_a_fault_of_the_call_is_a_failed_attempt(store: SqliteStore, clock: VirtualClock) -> None:
    services, jobs = Services(), Faulty(store, "call")
    await store.commit(job(clock))
    async with dispatching(store, clock, services, jobs):
        await until_gone(store, clock)
    assert services.calls == []
    assert [one.outcome.code for one in jobs.failures if isinstance(one.outcome, Failed)] == [
        "InternalFailure"
    ] * 4


async def test_a_conflict_costs_no_second_attempt(store: SqliteStore, clock: VirtualClock) -> None:
    await store.commit(PutRecord(HERE, KIND, "q", {"attributes": {}, "id": "1", "created": 0}))
    services, jobs = Services([{"MessageId": "m"}] * 10), Faulty(store, "a conflict")
    await store.commit(job(clock))
    async with dispatching(store, clock, services, jobs):
        await until_gone(store, clock)
    assert len(services.calls) == 1
    assert jobs.attempts_before == [1]


async def test_what_is_slow_is_not_begun_a_second_time(store: SqliteStore, clock: VirtualClock) -> None:
    class Slow(Services):
        async def call(self, service: str, operation: str, params: Any, call: Call) -> dict[str, Any]:
            self.calls.append((operation, dict(params), call))
            await clock.sleep(600)
            return {"MessageId": "m"}

    services = Slow()
    await store.commit(job(clock))
    async with dispatching(store, clock, services, Faulty(store, "")):
        await until(lambda: services.calls)
        await until_gone(store, clock, 20)
    assert len(services.calls) == 1
