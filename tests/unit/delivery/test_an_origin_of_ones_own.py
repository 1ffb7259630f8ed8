"""An origin that no service has yet: its jobs wait for their time, and reach each kind of target as others' jobs do.

`CallsOnce` is the shortest `JobQueue` there is; docs/extending.md names it as one to begin from.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson
import pytest

from delivery_rig import HERE, Services, read_json, router_over
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.bus.retry import RetryPolicy
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.fair_worker import Work
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.jobs import Attempt, DeadLetter, Failed, Job
from nightbus.messaging.queue import KIND
from nightbus.messaging.queue_writes import Incoming
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.store.interface import SYSTEM, Append, Change, Counts, Enqueue, PutRecord
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

QUEUE = "test/calls-once"
OUTCOMES = "test/outcomes"
SERVICE = "scheduler.amazonaws.com"
DAY_MS = 86_400_000
WANTED, UNWANTED = "wanted", "unwanted"


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """`arn` and `id` are what every origin has; the rest is whatever its JobQueue needs to know."""

    arn: str
    id: str
    account: str
    region: str


CallJob = Job[CallOrigin]


def called_once(target: dict[str, Any], due: int, name: str = WANTED) -> Enqueue:
    """The job: accepted when it is due, so that its policy counts from then."""
    origin = CallOrigin(f"arn:aws:scheduler:{HERE.region}:{HERE.account}:schedule/a", name, *HERE)
    job = Job(target, b'{"n": 1}', RetryPolicy(2), origin, due)
    return Enqueue(SYSTEM, QUEUE, CallsOnce().encode(job), due)


class CallsOnce:
    """Implements `nightbus.delivery.jobs.JobQueue`."""

    name = QUEUE

    def decode(self, data: bytes) -> CallJob:
        value = orjson.loads(data)
        given, origin = value["input"].encode(), CallOrigin(**value["origin"])
        return Job(value["target"], given, RetryPolicy(2), origin, value["accepted"], value["attempt"])

    def encode(self, job: CallJob) -> bytes:
        value = {"target": job.target, "input": job.input.decode(), "origin": asdict(job.origin)}
        return orjson.dumps({**value, "accepted": job.accepted, "attempt": job.attempt})

    async def current(self, job: CallJob) -> CallJob | None:
        return None if job.origin.id == UNWANTED else job

    def call(self, job: CallJob, endpoint: str) -> Call:
        home = Scope(job.origin.account, job.origin.region)
        return Call(
            job.target_scope(home), Caller.for_service(home.account, SERVICE, job.origin.arn), endpoint
        )

    async def records(self, job: CallJob, attempt: Attempt) -> list[Change]:
        code = attempt.outcome.code if isinstance(attempt.outcome, Failed) else "delivered"
        told = orjson.dumps(
            {"code": code, "letter": None if attempt.letter is None else list(attempt.letter)}
        )
        return [Append(HERE, OUTCOMES, attempt.ended, told, job.origin.id)]

    async def dead_letter(self, job: CallJob, failure: Failed) -> DeadLetter | None:
        queue = job.target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            return None
        message = Incoming(job.input.decode(), {})
        return DeadLetter(queue, SERVICE, job.origin.arn, job.origin.account, message, "the scheduler")

    def log_failure(self, job: CallJob, failure: Failed, attempt: Attempt) -> None:
        logging.getLogger("test").warning("%s: %s", job.address, failure.message)


def dispatcher_over(store: SqliteStore, clock: VirtualClock, services: Services) -> Dispatcher:
    dispatcher = Dispatcher(
        store, clock, services, "http://node", Queues(store, clock), ForwardingProcess({}),
        ApiInvoker(store, Vault(), HttpClient(), clock), router_over(store, clock),
    )  # fmt: skip
    dispatcher.add(CallsOnce())
    return dispatcher


@asynccontextmanager
async def dispatching(store: SqliteStore, clock: VirtualClock, services: Services) -> AsyncIterator[None]:
    dispatcher = dispatcher_over(store, clock, services)
    running = asyncio.create_task(dispatcher.run())
    try:
        yield
    finally:
        await dispatcher.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def outcomes(store: SqliteStore, clock: VirtualClock, count: int) -> list[dict[str, Any]]:
    """What that many attempts came to."""
    async with asyncio.timeout(10):
        while len(found := await store.read(HERE, OUTCOMES)) < count:
            await clock.advance(1)
            await asyncio.sleep(0.002)
    return [read_json(entry.data) for entry in found]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{HERE.region}:{HERE.account}:{resource}"


async def test_a_job_is_delivered_when_it_is_due_and_is_not_too_old_then(
    store: SqliteStore, clock: VirtualClock
) -> None:
    services = Services([{"MessageId": "m"}])
    target = {"Arn": arn("sqs", "q")}
    due = clock.now_ms() + 30 * DAY_MS
    await store.commit(called_once(target, due), called_once(target, due, UNWANTED))
    async with dispatching(store, clock, services):
        await clock.advance(29 * 86_400)
        assert await store.count(SYSTEM, QUEUE) == Counts(free=0, leased=0, delayed=2)
        await clock.advance(86_400)
        (outcome,) = await outcomes(store, clock, 1)
        assert outcome["code"] == "delivered"
    ((operation, _, call),) = services.calls
    assert (operation, call.caller.service) == ("sqs:SendMessage", SERVICE)


async def test_it_is_tried_again_and_its_dead_letter_names_who_was_not_let_in(
    store: SqliteStore, clock: VirtualClock
) -> None:
    dead = arn("sqs", "dead")
    await store.commit(PutRecord(HERE, KIND, "dead", {"attributes": {}, "id": "1", "created": 0}))
    target = {"Arn": arn("sqs", "q"), "DeadLetterConfig": {"Arn": dead}}
    await store.commit(called_once(target, clock.now_ms()))
    services = Services([RuntimeError("a fault")] * 3)
    async with dispatching(store, clock, services):
        first, second, last = await outcomes(store, clock, 3)
    assert [one["code"] for one in (first, second, last)] == ["InternalFailure"] * 3
    assert (first["letter"], second["letter"]) == (None, None)
    assert last["letter"] == [dead, "The queue does not permit the scheduler to send to it."]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"Arn": arn("events", "event-bus/default")}, "InvalidInput"),
        ({"Arn": arn("events", "api-destination/a/12345678")}, "ResourceNotFound"),
        ({"Arn": arn("kinesis", "stream/a")}, "NoEndpoint"),
    ],
)
async def test_a_target_that_cannot_be_called_says_why(
    store: SqliteStore, clock: VirtualClock, target: dict[str, Any], code: str
) -> None:
    await store.commit(called_once(target, clock.now_ms()))
    async with dispatching(store, clock, Services()):
        assert (await outcomes(store, clock, 1))[0]["code"] == code


def test_what_an_arn_leaves_out_is_as_at_home() -> None:
    job = Job({"Arn": "arn:aws:s3:::bucket"}, b"", RetryPolicy(), CallOrigin("a", "b", *HERE), 0)
    assert job.target_scope(HERE) == HERE
    assert Job({"Url": "http://x"}, b"", RetryPolicy(), job.origin, 0).target_scope(HERE) == HERE
    elsewhere = Job({"Arn": "arn:aws:sqs:us-east-1:222222222222:q"}, b"", RetryPolicy(), job.origin, 0)
    assert elsewhere.target_scope(HERE) == Scope("222222222222", "us-east-1")


@pytest.mark.parametrize(
    ("target", "share"),
    [
        (arn("sqs", "q"), ""),
        (arn("events", "api-destination/a/1"), arn("events", "api-destination/a/1")),
        (arn("kinesis", "stream/a"), arn("kinesis", "stream/a")),
    ],
)
async def test_a_target_elsewhere_has_a_share_though_its_origin_names_none(
    store: SqliteStore, clock: VirtualClock, target: str, share: str
) -> None:
    await store.commit(called_once({"Arn": target}, clock.now_ms()))
    (item,) = await store.lease(SYSTEM, QUEUE, 1, 1000)
    work: Work = dispatcher_over(store, clock, Services())._work_of(CallsOnce(), item)
    assert work.key == share
