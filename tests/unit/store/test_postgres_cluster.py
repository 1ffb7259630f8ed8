"""Two stores on one PostgreSQL database, as two nodes have them: what is done at one is known at the other, at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import pytest

from frozen_proxy import frozen_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import (
    SYSTEM,
    Append,
    Enqueue,
    LogName,
    PutRecord,
    QueueName,
    Record,
    StaleLease,
    Store,
    StoreUnavailable,
    Touched,
)
from nightbus.store.known_records import KnownRecords
from nightbus.store.postgres import nodes
from nightbus.store.postgres.clock import ClusterClock
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database, until
from postgres_server import postgres_server

HERE = Scope("111111111111", "eu-west-1")


class WrongClock(SystemClock):
    """Of a machine whose clock is an hour ahead."""

    def now_ms(self) -> int:
        return super().now_ms() + 3_600_000


@pytest.fixture(params=["notifications", "polls"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with new_database(polls=request.param == "polls") as made:
        yield made


@asynccontextmanager
async def opened(database: Database, count: int = 2) -> AsyncIterator[list[PostgresStore]]:
    """The clock of every second one is an hour ahead."""
    async with AsyncExitStack() as stack:
        stores = []
        for number in range(count):
            clock = ClusterClock(WrongClock() if number % 2 else SystemClock())
            stores.append(await PostgresStore.open(database, clock))
            stack.push_async_callback(stores[-1].close)
        yield stores


@pytest.fixture
async def stores(database: Database) -> AsyncIterator[list[PostgresStore]]:
    async with opened(database) as made:
        yield made


async def test_a_rule_that_is_put_at_one_is_obeyed_by_the_other_within_50_ms(
    stores: list[PostgresStore],
) -> None:
    known = KnownRecords(stores[1], ["rule"])
    waits = []
    for number in range(20):
        await known.get(HERE, "rule", "r")
        await stores[0].commit(PutRecord(HERE, "rule", "r", {"number": number}))
        began = time.monotonic()
        async with asyncio.timeout(10):
            while True:
                record = await known.get(HERE, "rule", "r")
                if record is not None and record.value["number"] == number:
                    break
                await asyncio.sleep(0.001)
        waits.append(time.monotonic() - began)
    assert min(waits) < 0.05  # of a busy machine: the fastest


async def test_a_long_poll_at_one_gets_what_is_sent_at_the_other(stores: list[PostgresStore]) -> None:
    waits = []
    for _ in range(20):
        polling = asyncio.create_task(stores[1].lease(HERE, "q", 1, 60_000, wait=30))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        await stores[0].commit(Enqueue(HERE, "q", b"x", 0))
        async with asyncio.timeout(10):
            (item,) = await polling
        waits.append(time.monotonic() - began)
        await stores[1].commit(item.acknowledge())
    assert min(waits) < 0.1  # and not the second after which who waits looks by itself


async def test_nodes_whose_clocks_differ_by_an_hour_agree_on_due_times(stores: list[PostgresStore]) -> None:
    now = SystemClock().now_ms()
    await stores[0].commit(Enqueue(HERE, "q", b"later", now + 600_000), Enqueue(HERE, "q", b"", now - 1_000))
    (item,) = await stores[0].lease(HERE, "q", 2, 60_000)
    assert (
        await stores[1].lease(HERE, "q", 2, 60_000) == []
    )  # neither is the lease over nor the later one due
    assert await stores[0].change_lease(HERE, "q", item.id, now)
    async with asyncio.timeout(10):
        (again,) = await stores[1].lease(HERE, "q", 2, 60_000, wait=30)
    assert again.id == item.id


async def test_a_log_that_grows_at_one_is_told_at_the_other(stores: list[PostgresStore]) -> None:
    told: list[Touched | None] = []
    stores[1].watch(told.append, logs=True, queues=True)
    await until(lambda: stores[0].nodes.others)
    await stores[0].commit(Append(HERE, "l", 1, b""), Enqueue(HERE, "q", b"", 0))
    await until(lambda: told)
    names = [name for touched in told if touched for name in (*touched.queues, *touched.logs)]
    assert set(names) == {QueueName(HERE, "q"), LogName(HERE, "l")}


async def test_who_was_taken_for_dead_settles_nothing_and_goes_on(
    stores: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "_STEADY_SECONDS", 0.0)
    first, slow = stores
    await slow.commit(Enqueue(SYSTEM, "jobs", b"x", 0))
    (item,) = await slow.lease(SYSTEM, "jobs", 1, 60_000)
    waiting = asyncio.create_task(first.lease(SYSTEM, "jobs", 1, 60_000, wait=30))
    former = slow.nodes.id
    assert slow.nodes._beating is not None
    slow.nodes._beating.cancel()  # as SIGSTOP does
    async with slow._pool.acquire() as connection:
        await connection.execute("UPDATE node SET heartbeat = heartbeat - 10000 WHERE id = $1", former)
    async with asyncio.timeout(10):
        (taken,) = await waiting
    assert (taken.id, taken.attempt, taken.first) == (item.id, 2, item.first)
    with pytest.raises(StaleLease):
        await slow.commit(item.acknowledge(), PutRecord(HERE, "done", "x", {}))
    assert not await slow.change_lease(SYSTEM, "jobs", item.id, 2**50, item.token, renewed=True)
    assert await first.get(HERE, "done", "x") is None
    await slow.nodes._beat()
    assert slow.nodes.id != former
    await first.commit(taken.acknowledge(), Enqueue(SYSTEM, "jobs", b"y", 0))
    (next_one,) = await slow.lease(SYSTEM, "jobs", 1, 60_000, wait=10)
    await slow.commit(next_one.acknowledge())


async def test_what_a_node_has_leased_is_free_when_it_closes(database: Database) -> None:
    async with opened(database) as (first, second):
        await first.commit(Enqueue(SYSTEM, "jobs", b"x", 0), Enqueue(HERE, "q", b"", 0))
        (item,) = await first.lease(SYSTEM, "jobs", 1, 60_000)
        (message,) = await first.lease(HERE, "q", 1, 60_000)
        waiting = asyncio.create_task(second.lease(SYSTEM, "jobs", 1, 60_000, wait=30))
        await first.close()
        async with asyncio.timeout(10):
            (taken,) = await waiting
        assert taken.id == item.id
        assert await second.lease(HERE, "q", 1, 60_000) == []  # a client's: its visibility timeout goes on
        await second.commit(message.acknowledge())


async def test_no_item_goes_to_two_nodes_while_connections_are_lost(database: Database) -> None:
    async with opened(database, 3) as stores:
        done = asyncio.Event()

        async def work(store: Store) -> list[int]:
            taken: list[int] = []
            while not done.is_set():
                for item in await store.lease(SYSTEM, "jobs", 3, 60_000, wait=0.2):
                    taken.append(item.id)
                    await store.commit(item.acknowledge())
            return taken

        workers = [asyncio.create_task(work(store)) for store in stores for _ in range(2)]
        cutting = await database.connect(name="cut")
        for number in range(100):
            await stores[number % 3].commit(Enqueue(SYSTEM, "jobs", b"", 0))
            if number % 20 == 10:
                await cutting.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nightbus link'"
                )
        async with asyncio.timeout(20):
            while sum(await stores[0].count(SYSTEM, "jobs")):
                await asyncio.sleep(0.01)
        done.set()
        taken = [item for some in await asyncio.gather(*workers) for item in some]
        await cutting.close()
        assert len(taken) == len(set(taken)) == 100


async def test_a_node_that_was_cut_off_knows_everything_and_finds_its_leases_gone(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    if database.polls:
        pytest.skip("it takes seconds, and goes by the link, which is the same")
    caplog.set_level(logging.WARNING)
    server = postgres_server()
    name = urlsplit(database.url).path[1:]
    async with frozen_proxy(server.port) as proxy, opened(database, 1) as (first,):
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        cut = await PostgresStore.open(Database(url), ClusterClock(SystemClock()))
        known = KnownRecords(cut, ["k"])
        assert await known.get(HERE, "k", "a") is None
        await cut.commit(Enqueue(SYSTEM, "jobs", b"x", 0))
        (item,) = await cut.lease(SYSTEM, "jobs", 1, 60_000)
        waiting = asyncio.create_task(first.lease(SYSTEM, "jobs", 1, 60_000, wait=30))
        former = cut.nodes.id
        proxy.flows.clear()
        began = time.monotonic()
        async with asyncio.timeout(20):
            (taken,) = await waiting
        assert time.monotonic() - began < 15  # 4 s, and what a busy machine adds; the lease is of 60 s
        assert taken.id == item.id
        await first.commit(PutRecord(HERE, "k", "a", {}), taken.acknowledge())
        proxy.flows.set()
        await until(lambda: cut.nodes.id != former, 20)
        assert await known.get(HERE, "k", "a") is not None
        with pytest.raises(StaleLease):
            await cut.commit(item.acknowledge())
        assert sum("not heard of" in record.message for record in caplog.records) == 1
        await cut.close()


async def _asked(store: Store) -> Record | StoreUnavailable | None:
    try:
        return await store.get(HERE, "k", "a")
    except StoreUnavailable as failure:
        return failure


async def test_a_role_that_may_not_log_in_any_more_is_an_outage(database: Database) -> None:
    owner = await database.connect()
    role = f"role_{urlsplit(database.url).path[1:]}"
    await owner.execute(f"CREATE ROLE {role} LOGIN SUPERUSER")
    try:
        url = database.url.replace("nightbus@", f"{role}@")
        assert url != database.url
        store = await PostgresStore.open(Database(url, polls=database.polls), SystemClock())
        await store.commit(PutRecord(HERE, "k", "a", {}))
        await owner.execute(f"ALTER ROLE {role} NOLOGIN")
        await owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role)
        refused = await asyncio.gather(
            store.get(HERE, "k", "a"), store.commit(PutRecord(HERE, "k", "b", {})), return_exceptions=True
        )
        assert [type(failure) for failure in refused] == [StoreUnavailable] * 2
        await owner.execute(f"ALTER ROLE {role} LOGIN")
        async with asyncio.timeout(20):
            while not isinstance(await _asked(store), Record):
                await asyncio.sleep(0.05)
        await store.close()
    finally:
        await owner.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await owner.close()
