"""Too much waiting work is refused for now, entry by entry, and nothing of it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from delivery_rig import HERE, Services, event, open_store, put, put_rule, router_over, until
from nightbus.aws.calls import Call, Caller
from nightbus.clock import VirtualClock
from nightbus.delivery.api_invoker import ApiInvoker
from nightbus.delivery.backlog import Backlog
from nightbus.delivery.buses import Buses
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.interface import Overloaded
from nightbus.delivery.router import Router
from nightbus.delivery.rules import history_log
from nightbus.messaging.http import HttpClient
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node.node import Node
from nightbus.services.context import Context
from nightbus.services.events.publishing import put_events
from nightbus.store.sqlite import SqliteStore
from nightbus.store.vault import Vault


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[SqliteStore]:
    opened = open_store(tmp_path, clock)
    yield opened
    await opened.close()


def bounded(store: SqliteStore, clock: VirtualClock, backlog: Backlog) -> Router:
    queues = Queues(store, clock)
    return Router(store, clock, queues, Topics(store, queues, "http://node"), backlog, Buses(store))


async def test_deliveries_that_nobody_begins_are_bounded(store: SqliteStore, clock: VirtualClock) -> None:
    await put_rule(store, "r")
    backlog = Backlog(most_waiting=2)
    router = bounded(store, clock, backlog)
    await put(router, HERE, "default", [event("e1"), event("e2"), event("e3")])
    kept = await store.read(HERE, history_log("default"))
    with pytest.raises(Overloaded):
        await put(router, HERE, "default", [event("e4", "other")])
    assert await store.read(HERE, history_log("default")) == kept

    services = Services()
    queues, forwarding = Queues(store, clock), ForwardingProcess({})
    invoker = ApiInvoker(store, Vault(), HttpClient(), clock)
    dispatcher = Dispatcher(
        store, clock, services, "http://node", queues, backlog, forwarding, invoker, router
    )

    running = asyncio.create_task(dispatcher.run())
    try:
        await until(lambda: len(services.calls) == 3)
        await put(router, HERE, "default", [event("e5")])
        await until(lambda: len(services.calls) == 4)
    finally:
        await dispatcher.close()
        running.cancel()


async def test_events_in_commit_are_bounded(store: SqliteStore, clock: VirtualClock) -> None:
    router = bounded(store, clock, Backlog(most_in_commit=1))
    with pytest.raises(Overloaded):
        await put(router, HERE, "default", [event("e1"), event("e2")])
    for name in ("e3", "e4"):
        await put(router, HERE, "default", [event(name)])


async def test_each_entry_says_that_it_was_throttled() -> None:
    node = Node(None, "http://127.0.0.1:1")
    await node.start()
    try:
        here = node.platform
        none = Backlog(most_waiting=0)
        full = Router(node.store, here.clock, here.queues, here.topics, none, here.router.buses)
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


async def test_a_router_has_room_by_default(store: SqliteStore, clock: VirtualClock) -> None:
    await put(router_over(store, clock), HERE, "default", [event(f"e{at}") for at in range(100)])
    assert len(await store.read(HERE, history_log("default"))) == 1
