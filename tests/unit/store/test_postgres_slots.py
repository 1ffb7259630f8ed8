"""Limits that hold over all nodes of a PostgreSQL database: never more than the limit, and no slot lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from cutting_proxy import cutting_proxy
from nightbus.clock import SystemClock
from nightbus.store.interface import StoreUnavailable
from nightbus.store.postgres import retries
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.slots import Slots
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database
from postgres_server import postgres_server


@pytest.fixture(params=["notifications", "polls"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with new_database(polls=request.param == "polls") as made:
        yield made


@asynccontextmanager
async def nodes(database: Database, count: int = 2) -> AsyncIterator[list[PostgresStore]]:
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(await PostgresStore.open(database, SystemClock()))
            stack.push_async_callback(opened[-1].close)
        yield opened


async def sooner_or_later(slots: Slots, name: str, most: int) -> None:
    async with asyncio.timeout(20):
        while not await slots.take(name, most):
            await asyncio.sleep(0)


async def test_nodes_never_have_more_than_the_limit_together(database: Database) -> None:
    under_way = highest = done = 0
    chance = random.Random(7)

    async def work(slots: Slots) -> None:
        nonlocal under_way, highest, done
        for _ in range(15):
            if await slots.take("f", 3):
                under_way += 1
                highest = max(highest, under_way)
                await asyncio.sleep(chance.random() * 0.01)
                under_way -= 1
                slots.give_back("f")
                done += 1
            await asyncio.sleep(chance.random() * 0.01)

    async with nodes(database, 3) as stores, asyncio.timeout(60):
        await asyncio.gather(*(work(store.slots) for store in stores for _ in range(3)))
        assert highest == 3 and done > 3
        await sooner_or_later(stores[0].slots, "f", 1)


async def test_what_a_node_does_not_use_goes_to_another_one(database: Database) -> None:
    async with nodes(database) as (first, second):
        assert await first.slots.take("f", 1)
        assert not await second.slots.take("f", 1)
        assert await second.slots.take("g", 1)
        first.slots.give_back("f")
        await sooner_or_later(second.slots, "f", 1)  # it waits until the slot has gone back
        assert not await first.slots.take("f", 1)
        assert await first.slots.take("f", 2)


async def test_a_node_asks_nothing_while_it_has_enough(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(database) as (first, _):
        asked = 0
        ask = first.slots._ask

        async def counted(*arguments: object) -> None:
            nonlocal asked
            asked += 1
            await ask(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(first.slots, "_ask", counted)
        for _ in range(200):
            assert await first.slots.take("f", 5)
            first.slots.give_back("f")
        assert asked < 20  # one, unless the machine stood still for longer than a slot is kept


async def held(node: PostgresStore, name: str) -> int:
    """As the other nodes see it."""
    statement = "SELECT coalesce(sum(slots), 0)::integer FROM slot WHERE name = $1 AND node = $2"
    number: int = await node._pool.fetchval(statement, name, node.nodes.id)
    return number


async def test_of_a_large_limit_a_node_keeps_a_few_slots_and_gives_them_back_where_they_lack(
    database: Database,
) -> None:
    async with nodes(database) as (first, second):
        assert await first.slots.take("f", 1000)
        first.slots.give_back("f")
        async with asyncio.timeout(20):
            while await held(first, "f") != 10:
                await asyncio.sleep(0.01)
        for _ in range(1000):
            await sooner_or_later(second.slots, "f", 1000)
        assert not await first.slots.take("f", 1000)
        assert await held(first, "f") == 0


async def test_one_that_comes_while_its_node_asks_is_not_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with nodes(database) as (first, _):
        ask = first.slots._raise
        later: list[asyncio.Task[bool]] = []

        async def ask_while_another_one_comes(*arguments: Any) -> Any:
            if not later:
                later.append(asyncio.create_task(first.slots.take("f", 2)))
            return await ask(*arguments)

        monkeypatch.setattr(first.slots, "_raise", ask_while_another_one_comes)
        assert await first.slots.take("f", 2)
        assert await later[0]
        assert not await first.slots.take("f", 2)


async def test_slots_of_a_node_that_is_gone_are_free(database: Database) -> None:
    async with nodes(database) as (first, second):
        assert await first.slots.take("f", 1)
        assert not await second.slots.take("f", 1)
        await remove(first)
        assert await second.slots.take("f", 1)
        second.slots.give_back("f")


async def remove(node: PostgresStore) -> None:
    """The others take it for dead. It hears of that by its next heartbeat, which is not sent before `comes_back`."""
    beating = node.nodes._beating
    assert beating is not None
    beating.cancel()
    async with node._pool.acquire() as connection:
        await connection.execute("DELETE FROM node WHERE id = $1", node.nodes.id)


async def comes_back(node: PostgresStore) -> None:
    before = node.nodes.id
    await node.nodes._beat()
    assert node.nodes.id != before


async def test_a_node_that_was_taken_for_dead_counts_what_still_runs(database: Database) -> None:
    async with nodes(database) as (first, second):
        assert await first.slots.take("f", 1)
        await remove(first)
        await comes_back(first)
        await refused_sooner_or_later(second.slots, "f", 1)
        first.slots.give_back("f")
        await sooner_or_later(second.slots, "f", 1)


async def test_a_node_gives_way_to_what_still_runs_on_one_that_was_taken_for_dead(database: Database) -> None:
    async with nodes(database) as (first, second):
        for _ in range(2):
            assert await first.slots.take("f", 3)
        await remove(first)
        for _ in range(3):
            await sooner_or_later(second.slots, "f", 3)
        await comes_back(first)
        second.slots.give_back("f")
        await refused_sooner_or_later(second.slots, "f", 3)  # although it has had a third one
        second.slots.give_back("f")
        assert not await second.slots.take("f", 3) and not await first.slots.take("f", 3)  # 2 and 1 run
        second.slots.give_back("f")
        await sooner_or_later(first.slots, "f", 3)
        assert not await second.slots.take("f", 3)


async def refused_sooner_or_later(slots: Slots, name: str, most: int) -> None:
    """The slots are used all the time meanwhile, so that the node keeps them unless it gives way."""
    async with asyncio.timeout(20):
        while await slots.take(name, most):
            slots.give_back(name)
            await asyncio.sleep(0.01)


async def test_a_lower_limit_holds_from_the_next_one_on(database: Database) -> None:
    async with nodes(database) as (first, second):
        for _ in range(3):
            assert await first.slots.take("f", 3)
        assert not await second.slots.take("f", 1)
        for _ in range(3):
            first.slots.give_back("f")
        assert await first.slots.take("f", 1)
        assert not await first.slots.take("f", 1) and not await second.slots.take("f", 1)


async def test_slots_go_back_when_a_database_that_was_away_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    server = postgres_server()
    async with new_database() as direct, cutting_proxy("127.0.0.1", server.port) as proxy:
        name = direct.url.rpartition("?")[0].rpartition("/")[2]
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        async with nodes(Database(url)) as (first, second):
            gave_up, write = asyncio.Event(), first.slots._write

            async def watched(limit: str, kept: int) -> None:
                try:
                    await write(limit, kept)
                except StoreUnavailable:
                    gave_up.set()
                    raise

            monkeypatch.setattr(first.slots, "_write", watched)
            monkeypatch.setattr(retries, "_PATIENCE_SECONDS", 0.1)
            assert await first.slots.take("f", 1)
            proxy.away = True
            first.slots.give_back("f")
            async with asyncio.timeout(60):
                await gave_up.wait()
            monkeypatch.setattr(retries, "_PATIENCE_SECONDS", 20.0)
            proxy.away = False
            await sooner_or_later(second.slots, "f", 1)


async def test_a_fault_of_the_database_is_told_once_and_slots_go_back_after_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with nodes(database) as (first, second):
        assert await first.slots.take("f", 1)
        owner = await database.connect()
        await owner.execute("ALTER TABLE slot RENAME TO elsewhere")
        first.slots.give_back("f")
        async with asyncio.timeout(20):
            while (
                "slots of limits cannot be taken, or given back, now: UndefinedTableError" not in caplog.text
            ):
                await asyncio.sleep(0.01)
        with pytest.raises(asyncpg.UndefinedTableError):
            await second.slots.take("f", 1)
        await owner.execute("ALTER TABLE elsewhere RENAME TO slot")
        await sooner_or_later(second.slots, "f", 1)
        await owner.close()
        assert caplog.text.count("slots of limits") <= 2  # a line of each node
