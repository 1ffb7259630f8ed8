"""Too much waiting work is refused for now, entry by entry, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from delivery_rig import (
    FUNCTION,
    HERE,
    NoFunctions,
    Services,
    event,
    open_store,
    put,
    put_rule,
    router_over,
    until,
)
from nightbus.aws.calls import Call, Caller
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.invoker import ApiInvoker
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.interface import Overloaded
from nightbus.delivery.router import Router
from nightbus.delivery.rule_origin import QUEUE
from nightbus.delivery.rules import history_log
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node.node import Node
from nightbus.outbound.http_client import HttpClient
from nightbus.services.context import Context
from nightbus.services.events.publishing import put_events
from nightbus.store.interface import SYSTEM
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault


def bounded(store: SqliteStore, clock: VirtualClock, backlog: Backlog) -> Router:
    queues = Queues(store, clock)
    topics = Topics(store, queues, "http://node")
    return Router(store, clock, queues, topics, NoFunctions(), backlog, Buses(store))


async def test_deliveries_that_nobody_begins_are_bounded(store: SqliteStore, clock: VirtualClock) -> None:
    await put_rule(store, "r")
    backlog = Backlog(store, most_waiting=2)
    router = bounded(store, clock, backlog)
    await put(router, HERE, "default", [event("e1"), event("e2"), event("e3")])
    kept = await store.read(HERE, history_log("default"))
    with pytest.raises(Overloaded):
        await put(router, HERE, "default", [event("e4", "other")])
    assert await store.read(HERE, history_log("default")) == kept

    services = Services()
    queues, forwarding = Queues(store, clock), ForwardingProcess({})
    invoker = ApiInvoker(store, Vault(), HttpClient(), clock)
    dispatcher = Dispatcher(store, clock, services, "http://node", queues, forwarding, invoker, router)

    running = asyncio.create_task(dispatcher.run())
    try:
        await until(lambda: len(services.calls) == 3)
        await put(router, HERE, "default", [event("e5")])
        await until(lambda: len(services.calls) == 4)
    finally:
        await dispatcher.close()
        running.cancel()


async def test_events_in_commit_are_bounded(store: SqliteStore, clock: VirtualClock) -> None:
    router = bounded(store, clock, Backlog(store, most_in_commit=1))
    with pytest.raises(Overloaded):
        await put(router, HERE, "default", [event("e1"), event("e2")])
    for name in ("e3", "e4"):
        await put(router, HERE, "default", [event(name)])


async def test_each_entry_says_that_it_was_throttled() -> None:
    node = Node(None, "http://127.0.0.1:1")
    await node.start()
    try:
        here = node.platform
        none = Backlog(node.store, most_waiting=0)
        full = Router(
            node.store, here.clock, here.queues, here.topics, NoFunctions(), none, here.router.buses
        )
        call = Call(HERE, Caller.root(HERE.account), here.endpoint)
        good = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
        entries = [good, {**good, "Detail": "{"}, good]
        told = await put_events(Context(call, replace(here, router=full)), entries=entries)
    finally:
        await node.stop()
    assert told["FailedEntryCount"] == 3
    assert [one["ErrorCode"] for one in told["Entries"]] == [
        "ThrottlingException", "MalformedDetail", "ThrottlingException",
    ]  # fmt: skip


class FlakyServices(Services):
    """Every third call fails for now, every tenth for good, and one in fifty takes a while."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)

    async def call(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        draw = self._random.random()
        await asyncio.sleep(0.01 if draw < 0.02 else 0)
        if draw < 0.1:
            raise AwsError("ResourceNotFoundException", "gone", 404)
        if draw < 0.43:
            raise AwsError("ThrottlingException", "Rate Exceeded.", 429)
        return {}


async def test_the_figure_comes_back_to_nothing_over_restarts_and_failing_targets(tmp_path: Path) -> None:
    """A figure that drifted up would throttle a node for good, one that drifted down would bound nothing."""
    clock, chance = VirtualClock(), random.Random(7)
    events = int(os.environ.get("NIGHTBUS_BACKLOG_EVENTS", "3000"))
    targets = [{"Id": f"f{n}", "Arn": FUNCTION, "RetryPolicy": {"MaximumRetryAttempts": 3}} for n in range(2)]
    store = open_store(tmp_path, clock)
    await put_rule(store, "r", targets=targets)
    put_so_far = 0
    while put_so_far < events:
        async with running(store, clock, chance.randrange(10**9)) as router:
            for _ in range(chance.randrange(1, 6)):
                batches = [[event(f"{put_so_far + n}-{at}") for at in range(10)] for n in range(0, 100, 10)]
                puts = [asyncio.create_task(put(router, HERE, "default", batch)) for batch in batches]
                if chance.random() < 0.3:  # a client that goes while its commit is under way
                    await asyncio.sleep(0)
                    puts[0].cancel()
                await asyncio.gather(*puts, return_exceptions=True)
                put_so_far += 100
                await clock.advance(chance.choice((0.0, 1.0, 600.0)))
        await store.close()
        store = open_store(tmp_path, clock)
    async with running(store, clock, 1):
        while any(await store.count(SYSTEM, QUEUE)):
            await clock.advance(3_600)
            await asyncio.sleep(0.002)
        assert store.untaken(SYSTEM, QUEUE) == 0
    await store.close()


@asynccontextmanager
async def running(store: SqliteStore, clock: VirtualClock, seed: int) -> AsyncIterator[Router]:
    backlog = Backlog(store)
    assert backlog.waiting >= 0
    router = bounded(store, clock, backlog)
    invoker = ApiInvoker(store, Vault(), HttpClient(), clock)
    queues, forwarding = Queues(store, clock), ForwardingProcess({})
    dispatcher = Dispatcher(
        store, clock, FlakyServices(seed), "http://node", queues, forwarding, invoker, router
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield router
    finally:
        await dispatcher.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_overdue_retries_from_before_a_restart_throttle_nobody(tmp_path: Path) -> None:
    """They are counted with what waits, and taken off as they are begun, whichever attempt they are at."""
    clock = VirtualClock()
    store = open_store(tmp_path, clock)
    await put_rule(store, "r", targets=[{"Id": "f", "Arn": FUNCTION}])
    down = Services([AwsError("ThrottlingException", "Rate Exceeded.", 429)] * 50)
    backlog = Backlog(store, most_waiting=20)
    for at in range(0, 50, 10):
        await put(
            bounded(store, clock, Backlog(store)), HERE, "default", [event(f"e{at + n}") for n in range(10)]
        )
    queues, forwarding = Queues(store, clock), ForwardingProcess({})
    invoker = ApiInvoker(store, Vault(), HttpClient(), clock)
    router = bounded(store, clock, backlog)
    dispatcher = Dispatcher(store, clock, down, "http://node", queues, forwarding, invoker, router)
    task = asyncio.create_task(dispatcher.run())
    await until(lambda: len(down.calls) == 50 and backlog.waiting == 0)
    await dispatcher.close()
    task.cancel()
    await store.close()
    await clock.advance(7_200)

    store = open_store(tmp_path, clock)
    backlog, up = Backlog(store, most_waiting=20), Services()
    assert backlog.waiting == 50
    router = bounded(store, clock, backlog)
    with pytest.raises(Overloaded):
        await put(router, HERE, "default", [event("late")])
    dispatcher = Dispatcher(
        store, clock, up, "http://node", Queues(store, clock), forwarding, invoker, router
    )
    task = asyncio.create_task(dispatcher.run())
    await until(lambda: len(up.calls) == 50)
    assert backlog.waiting == 0
    await put(router, HERE, "default", [event("late")])
    await until(lambda: len(up.calls) == 51)
    assert backlog.waiting == 0
    await dispatcher.close()
    task.cancel()
    await store.close()


async def test_a_router_has_room_by_default(store: SqliteStore, clock: VirtualClock) -> None:
    await put(router_over(store, clock), HERE, "default", [event(f"e{at}") for at in range(100)])
    assert len(await store.read(HERE, history_log("default"))) == 1
