"""Nodes on one PostgreSQL database know of each other, and take over from one that is gone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from nightbus.clock import SystemClock
from nightbus.store.postgres import nodes as module
from nightbus.store.postgres.clock import ClusterClock
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.nodes import Nodes, Presence
from postgres_nodes import HearingNode, hearing_nodes, new_database, until

TESTS = Path(__file__).parents[2]


@pytest.fixture(params=["notifications", "polls"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with new_database(polls=request.param == "polls") as made:
        yield made


@asynccontextmanager
async def present(
    database: Database, *names: str, home: str = ""
) -> AsyncIterator[list[tuple[HearingNode, Nodes]]]:
    async with AsyncExitStack() as stack:
        opened: list[tuple[HearingNode, Nodes]] = []
        for node in await stack.enter_async_context(hearing_nodes(database, len(names))):
            says = Presence(names[len(opened)], "1.2", "http://x", home, lambda: {"requests": 3.5})
            nodes = Nodes(node.link, node.changes, database, SystemClock(), says)
            await nodes.open()
            stack.push_async_callback(nodes.close)
            opened.append((node, nodes))
        yield opened


async def hold(node: HearingNode, holder: int, item: int) -> None:
    """As if `holder` had leased an item of queue 7."""
    await node.writing.execute(
        "INSERT INTO item (queue, id, due, ready, data, token, attempts, holder)"
        " VALUES (7, $1, 5, 60005, '', 77, 1, $2)",
        item, holder,
    )  # fmt: skip


async def items(node: HearingNode) -> dict[int, tuple[int, int, int | None]]:
    rows = await node.writing.fetch("SELECT id, ready, token, holder FROM item ORDER BY id")
    return {row["id"]: (row["ready"], row["token"], row["holder"]) for row in rows}


FREE = (5, 0, None)


async def test_each_knows_all(database: Database) -> None:
    async with present(database, "a", "b") as ((_, first), (_, second)):
        for nodes in (first, second):
            rows = await nodes.everyone()
            assert [(row.id, row.name, row.url, row.version) for row in rows] == [
                (first.id, "a", "http://x", "1.2"), (second.id, "b", "http://x", "1.2")
            ]  # fmt: skip
            assert all(-100 < row.heartbeat_age < 5_000 for row in rows)
            assert rows[0].load == {"requests": 3.5}
        await until(lambda: first.others == second.others == 1)


async def test_one_that_leaves_offers_its_work_at_once(database: Database) -> None:
    async with present(database, "a", "b") as ((node, first), (_, second)):
        await hold(node, second.id, 1)
        await hold(node, first.id, 2)
        await second.close()
        assert await items(node) == {1: FREE, 2: (60005, 77, first.id)}
        await until(lambda: {7} in node.woken)
        await until(lambda: first.others == 0)


async def test_a_node_that_starts_again_in_its_folder_ends_its_former_self(database: Database) -> None:
    async with present(database, "a", home="here") as ((node, former),):
        await hold(node, former.id, 1)
        async with present(database, "a", home="here") as ((_, again),):
            assert await items(node) == {1: FREE}
            assert {row.id for row in await again.everyone()} <= {again.id, former.id}


async def test_heartbeats_go_on_after_the_server_had_no_room_for_one(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with present(database, "a") as ((node, nodes),):
        await node.writing.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM nextval('refused'); RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;"
            "CREATE SEQUENCE refused; CREATE TRIGGER refuse BEFORE UPDATE ON node EXECUTE FUNCTION refuse()"
        )

        async def refused() -> int:
            return int(await node.writing.fetchval("SELECT last_value FROM refused"))

        while await refused() < 3:
            await asyncio.sleep(0.02)
        await node.writing.execute("DROP TRIGGER refuse ON node")
        (before,) = await nodes.everyone()
        deadline = time.monotonic() + 20
        while (await nodes.everyone())[0].heartbeat_age >= before.heartbeat_age:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert not [record for record in caplog.records if record.exc_info]


async def test_a_node_comes_lives_and_leaves_though_each_of_its_transactions_loses_once(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with present(database, "a") as ((node, nodes),):
        await node.writing.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF nextval('turns') % 2 = 1 THEN"
            "   RAISE EXCEPTION 'beaten' USING ERRCODE = 'serialization_failure'; END IF;"
            " RETURN COALESCE(NEW, OLD); END $$; CREATE SEQUENCE turns;"
            "CREATE TRIGGER lose BEFORE INSERT OR UPDATE OR DELETE ON node FOR EACH ROW EXECUTE FUNCTION lose()"
        )
        async with present(database, "b") as ((_, second),):
            assert await nodes.drain(second.id)
            await until(lambda: second.draining and nodes.others == 1)
        await until(lambda: nodes.others == 0)
        assert not [record for record in caplog.records if record.exc_info]
        assert not [record for record in caplog.records if "not heard of" in record.message]


async def test_a_node_that_was_declared_dead_takes_a_new_number_and_says_so(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with present(database, "a", "b") as ((node, first), (other, second)):
        said: list[int] = []
        second.declared_dead = lambda: said.append(second.id)
        former = second.id
        await node.writing.execute("DELETE FROM node WHERE id = $1", former)
        await until(lambda: said)
        assert said == [second.id] != [former]
        assert sum("not heard of" in record.message for record in caplog.records) == 1
        assert None in other.woken
        await until(lambda: first.others == 1)


async def test_leases_of_nobody_are_ended(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STEADY_SECONDS", 0.0)
    monkeypatch.setattr(module, "_ORPHANS_EVERY", 1)
    async with present(database, "a") as ((node, first),):
        await hold(node, 99, 1)
        await hold(node, first.id, 2)
        await until(lambda: {7} in node.woken)
        assert await items(node) == {1: FREE, 2: (60005, 77, first.id)}


async def test_draining_is_seen_at_once(database: Database) -> None:
    async with present(database, "a", "b") as ((_, first), (_, second)):
        told: list[bool] = []
        second.on_draining = told.append
        assert await first.drain(second.id)
        await until(lambda: told == [True])
        assert [row.draining for row in await first.everyone()] == [False, True]
        assert await first.drain(second.id, False)
        await until(lambda: told == [True, False])
        assert not await first.drain(12345)


async def test_a_database_that_was_away_leaves_everybody_alive(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one whose heartbeat arrives sees only old ones."""
    async with present(database, "a", "b") as ((node, first), (_, second)):
        monkeypatch.setattr(first, "_steady_since", 0.0)
        numbers = first.id, second.id
        loop = asyncio.get_running_loop()
        second._beating.cancel()  # type: ignore[union-attr]
        monkeypatch.setattr(first, "_last_beat", loop.time() - 30)
        await node.writing.execute("UPDATE node SET heartbeat = heartbeat - 30000")
        await first._beat()
        assert [row.id for row in await first.everyone()] == list(numbers)


async def test_the_clock_follows_the_database(database: Database) -> None:
    class Wrong(SystemClock):
        def now_ms(self) -> int:
            return super().now_ms() + 3_600_000

    async with hearing_nodes(database, 1) as (node,):
        clock = ClusterClock(Wrong())
        assert clock.now_ms() > SystemClock().now_ms() + 3_000_000
        nodes = Nodes(node.link, node.changes, database, clock, Presence("a", "1"))
        await nodes.open()
        assert abs(clock.now_ms() - SystemClock().now_ms()) < 500  # the server runs on this machine
        await nodes.close()


class Process:
    """A node in a process of its own. `lines` has what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self.log: list[str] = []
        self._reading = [
            asyncio.create_task(self._read(process.stdout, self.lines)),
            asyncio.create_task(self._read(process.stderr, self.log)),
        ]

    async def _read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        while line := await stream.readline():
            lines.append(line.decode().strip())

    def numbers(self) -> list[int]:
        return [int(line) for line in self.lines if line.isdecimal()]

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await asyncio.gather(*self._reading)


@asynccontextmanager
async def process(database: Database, name: str) -> AsyncIterator[Process]:
    command = [
        sys.executable,
        "-m",
        "postgres_node_process",
        database.url,
        database.schema,
        str(database.polls),
        name,
    ]
    started = Process(
        await asyncio.create_subprocess_exec(
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )
    )
    try:
        await until(started.numbers, 30)
        yield started
    finally:
        await started.end()


async def test_the_work_of_a_node_that_is_gone_is_taken_over_within_5_s(database: Database) -> None:
    is_stopped = database.polls  # one way to go with each of the two databases: it takes seconds
    async with (
        present(database, "a", "b") as ((node, first), (other, second)),
        process(database, "gone") as gone,
    ):
        await node.writing.execute("INSERT INTO item (queue, id, due, ready, data) VALUES (7, 1, 5, 5, '')")
        await until(lambda: "item 1" in gone.lines)
        (number,) = gone.numbers()
        assert await items(node) == {1: (60005, number, number)}
        await until(lambda: first.others == second.others == 2)
        node.woken.clear()
        other.woken.clear()
        gone.process.send_signal(signal.SIGSTOP if is_stopped else signal.SIGKILL)
        began = time.monotonic()
        await until(lambda: {7} in node.woken and {7} in other.woken, 20)
        assert time.monotonic() - began < 15  # 4 s, and what a busy machine adds; the lease is of 60 s
        assert await items(node) == {1: FREE}
        assert [row.name for row in await first.everyone()] == ["a", "b"]
        if is_stopped:
            gone.process.send_signal(signal.SIGCONT)
            await until(lambda: len(gone.numbers()) == 2)
            assert gone.numbers()[1] > number
            await until(lambda: any("not heard of" in line for line in gone.log))
            await until(lambda: first.others == 2)
            assert sum("not heard of" in line for line in gone.log) == 1
