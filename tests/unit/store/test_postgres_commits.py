"""Commits of two nodes on one PostgreSQL database: against each other, and when the connection is lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from cutting_proxy import AFTER, BEFORE, CuttingProxy, cutting_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import (
    Acknowledge,
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Ended,
    Enqueue,
    GiveBack,
    PutRecord,
    RequireRecord,
    StaleLease,
    StoreUnavailable,
    TrimLog,
    TrimQueue,
)
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.names import delete_dropped
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database
from postgres_server import PASSWORD, postgres_server

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with new_database() as made:
        yield made


@pytest.fixture
async def nodes(database: Database) -> AsyncIterator[list[PostgresStore]]:
    async with AsyncExitStack() as stack:
        opened = [await PostgresStore.open(database, SystemClock()) for _ in range(2)]
        for store in opened:
            stack.push_async_callback(store.close)
        yield opened


async def test_offsets_grow_in_the_order_of_the_commits_of_both(nodes: list[PostgresStore]) -> None:
    seen: list[int] = []
    ended = asyncio.Event()

    async def write(store: PostgresStore, name: str) -> None:
        for n in range(100):
            await store.commit(Append(HERE, "log", n, b"", name), Append(HERE, f"log {n % 7}", n, b""))

    async def follow() -> None:
        """As a replay does: from what was read last."""
        while True:
            was_ended = ended.is_set()
            entries = await nodes[0].read(HERE, "log", after=seen[-1] if seen else 0)
            seen.extend(entry.offset for entry in entries)
            if was_ended:
                return

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(store, name) for store, name in zip(nodes * 2, "abcd", strict=True)))
    ended.set()
    await following
    entries = await nodes[1].read(HERE, "log", limit=1000)
    assert len(entries) == 400
    assert seen == [entry.offset for entry in entries]
    for name in "abcd":
        assert [entry.time for entry in entries if entry.key == name] == list(range(100))


async def test_no_update_of_a_record_is_lost(nodes: list[PostgresStore]) -> None:
    @retries_on_conflict
    async def count(store: PostgresStore, key: str) -> None:
        record = await store.get(HERE, "k", key)
        value = {"n": record.value["n"] + 1 if record else 1}
        await store.commit(PutRecord(HERE, "k", key, value, record.revision if record else 0))

    await asyncio.gather(*(count(store, str(n % 3)) for store in nodes for n in range(60)))
    for key in "012":
        record = await nodes[0].get(HERE, "k", key)
        assert record is not None
        assert (record.value["n"], record.revision) == (40, 40)


async def test_of_two_that_create_a_record_one_is_refused(nodes: list[PostgresStore]) -> None:
    for n in range(20):
        outcomes = await asyncio.gather(
            *(store.commit(PutRecord(HERE, "k", str(n), {}, 0)) for store in nodes), return_exceptions=True
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]


async def test_a_record_that_must_not_be_there_does_not_come_up_beside(nodes: list[PostgresStore]) -> None:
    """Each requires that the other's record is absent: at most one of them may stand."""
    for n in range(20):
        outcomes = await asyncio.gather(
            nodes[0].commit(RequireRecord(HERE, "k", f"a{n}", 0), PutRecord(HERE, "k", f"b{n}", {})),
            nodes[1].commit(RequireRecord(HERE, "k", f"b{n}", 0), PutRecord(HERE, "k", f"a{n}", {})),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} <= {type(None), Conflict}
        standing = [await nodes[0].get(HERE, "k", f"{name}{n}") for name in "ab"]
        assert sum(record is not None for record in standing) == outcomes.count(None) == 1
    assert (await nodes[0].rows())["record k"] == 20  # and nothing of the placeholders


async def test_a_required_record_does_not_change_beside(nodes: list[PostgresStore]) -> None:
    await nodes[0].commit(PutRecord(HERE, "k", "parent", {}))
    for n in range(20):
        parent = await nodes[0].get(HERE, "k", "parent")
        assert parent is not None
        outcomes = await asyncio.gather(
            nodes[0].commit(
                RequireRecord(HERE, "k", "parent", parent.revision), PutRecord(HERE, "child", "c", {})
            ),
            nodes[1].commit(
                DeleteRecord(HERE, "k", "parent", parent.revision), DeleteRecord(HERE, "child", "c")
            ),
            return_exceptions=True,
        )
        assert outcomes[1] is None
        if outcomes[0] is None:  # it came first, and its child went with the parent
            assert await nodes[0].get(HERE, "child", "c") is None
        await nodes[0].commit(DeleteRecord(HERE, "child", "c"), PutRecord(HERE, "k", "parent", {"n": n}))


async def test_what_ends_at_one_node_takes_nothing_more_at_the_other(nodes: list[PostgresStore]) -> None:
    for n in range(20):
        queue, log = f"q{n}", f"l{n}"
        await nodes[0].commit(Enqueue(HERE, queue, b"", 0), Append(HERE, log, 0, b""))
        adding = [nodes[1].commit(Enqueue(HERE, queue, b"", 0)) for _ in range(5)]
        adding += [nodes[1].commit(Append(HERE, log, 0, b"")) for _ in range(5)]
        ending = nodes[0].commit(TrimQueue(HERE, queue, ended=True), TrimLog(HERE, log, ended=True))
        outcomes = await asyncio.gather(ending, *adding, return_exceptions=True)
        assert outcomes[0] is None
        assert {type(outcome) for outcome in outcomes[1:]} <= {type(None), Ended}
    rows = await nodes[0].rows()
    assert (rows["item"], rows["entry"]) == (0, 0)
    assert not any(name.startswith("name ") for name in rows)


async def test_of_two_that_settle_an_item_one_is_refused(nodes: list[PostgresStore]) -> None:
    await nodes[0].commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(40)])
    for item in await nodes[0].lease(HERE, "q", 40, 60_000):
        outcomes = await asyncio.gather(
            nodes[0].commit(item.acknowledge(), Append(HERE, "done", 0, b"")),
            nodes[1].commit(item.acknowledge(), Append(HERE, "done", 0, b"")),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "StaleLease"]
    assert len(await nodes[0].read(HERE, "done")) == 40


async def test_a_deadlock_harms_no_commit(nodes: list[PostgresStore], database: Database) -> None:
    """Items without a token are not locked in an order: commits that settle the same ones get in each other's way.
    The others' transaction here takes them in the opposite order."""
    await nodes[0].commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(2)])
    first, second = [item.id for item in await nodes[0].lease(HERE, "q", 2, 60_000)]
    connection = await database.connect()
    await connection.execute("SET deadlock_timeout = '10s'")  # the writer is the one that is broken off
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SELECT 1 FROM item WHERE id = $1 FOR UPDATE", second)
        changes: list[Change] = [Acknowledge(HERE, "q", first), GiveBack(HERE, "q", second, 5)]
        committing = asyncio.create_task(nodes[1].commit(*changes, Append(HERE, "log", 1, b"")))
        async with asyncio.timeout(10):
            while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        await connection.execute("SET LOCAL lock_timeout = '9s'")
        await connection.execute("SELECT 1 FROM item WHERE id = $1 FOR UPDATE", first)
    finally:
        await transaction.rollback()
        await connection.close()
    await committing
    (left,) = await nodes[0].peek(HERE, "q", 9)
    assert (left.id, left.due) == (second, 5)
    assert len(await nodes[0].read(HERE, "log")) == 1


@asynccontextmanager
async def by_proxy(database: Database) -> AsyncIterator[tuple[PostgresStore, CuttingProxy]]:
    server = postgres_server()
    name = database.url.rpartition("?")[0].rpartition("/")[2]
    async with cutting_proxy("127.0.0.1", server.port) as proxy:
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), SystemClock())
        try:
            yield store, proxy
        finally:
            await store.close()


@pytest.mark.parametrize(("where", "stands"), [(BEFORE, False), (AFTER, True)])
async def test_a_commit_whose_answer_is_lost_is_not_told_as_one(
    database: Database, where: str, stands: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with by_proxy(database) as (store, proxy):
        heard: list[object] = []
        store.watch(heard.append, ["k"])
        await store.commit(PutRecord(HERE, "k", "a", {}))
        proxy.cut = where
        outcomes = await asyncio.gather(
            store.commit(PutRecord(HERE, "k", "a", {}), Append(HERE, "log", 1, b"")),
            store.commit(Append(HERE, "log", 2, b"")),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 2
        assert heard[-1] is None
        record = await store.get(HERE, "k", "a")
        assert record is not None
        assert record.revision == (2 if stands else 1)
        assert len(await store.read(HERE, "log")) == (2 if stands else 0)
        await store.commit(Append(HERE, "log", 3, b""))  # over a new connection
        assert len(await store.read(HERE, "log")) == (3 if stands else 1)
    assert proxy.cuts == 1
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(("where", "stands"), [(BEFORE, False), (AFTER, True)])
async def test_so_it_is_with_a_group_of_one_statement(database: Database, where: str, stands: bool) -> None:
    async with by_proxy(database) as (store, proxy):
        await store.commit(
            Append(HERE, "log", 0, b""), Enqueue(HERE, "q", b"", 0)
        )  # so that the names are known
        proxy.at, proxy.cut = b"cut here", where
        with pytest.raises(StoreUnavailable):
            await store.commit(Append(HERE, "log", 1, b"cut here"), Enqueue(HERE, "q", b"", 0))
        assert proxy.cuts == 1
        assert (
            len(await store.read(HERE, "log")) == len(await store.peek(HERE, "q", 9)) == (2 if stands else 1)
        )
        await store.commit(Append(HERE, "log", 2, b""))


async def test_a_connection_that_is_lost_before_the_commit_costs_nothing(
    nodes: list[PostgresStore], database: Database
) -> None:
    """Each batch is kept once, though its transaction is ended again and again."""
    admin = await database.connect()
    ended = asyncio.Event()

    async def end_writers() -> None:
        left = 10
        while left > 0 and not ended.is_set():
            left -= await admin.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'nightbus writer' AND datname = current_database()"
                " AND state = 'idle in transaction'"
            )
            await asyncio.sleep(0.01)

    ending = asyncio.create_task(end_writers())
    kept: list[int] = []
    for n in range(200):
        try:
            await nodes[n % 2].commit(
                Append(HERE, "log", n, b""),
                Enqueue(HERE, "q", str(n).encode(), 0),
                PutRecord(HERE, "k", "", {}),
            )
            kept.append(n)
        except StoreUnavailable:  # in the moment between the statements and the COMMIT
            continue
    ended.set()
    await ending
    await admin.close()
    times = [entry.time for entry in await nodes[0].read(HERE, "log")]
    assert len(times) == len(set(times))
    assert set(kept) <= set(times)
    assert sorted(int(item.data) for item in await nodes[0].peek(HERE, "q", 1000)) == times


async def test_what_the_database_refuses_harms_no_other_commit(nodes: list[PostgresStore]) -> None:
    outcomes = await asyncio.gather(
        nodes[0].commit(Append(HERE, "log", 1, b"")),
        nodes[0].commit(Append(HERE, "log", 2, b"", secrets.token_hex(9_000))),  # too long for an index
        nodes[0].commit(Append(HERE, "log", 3, b"")),
        nodes[0].commit(Enqueue(HERE, "q", b"", 0, "\udc80")),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False, True]
    assert [entry.time for entry in await nodes[0].read(HERE, "log")] == [1, 3]


async def test_a_stale_batch_of_a_group_harms_no_other(nodes: list[PostgresStore]) -> None:
    await nodes[0].commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(3)])
    items = await nodes[0].lease(HERE, "q", 3, 60_000)
    outcomes = await asyncio.gather(
        nodes[0].commit(items[0].acknowledge()),
        nodes[0].commit(items[1]._replace(token=1).acknowledge(), Append(HERE, "log", 1, b"")),
        nodes[0].commit(items[0].acknowledge()),  # gone by the first of the group
        nodes[0].commit(items[2].give_back(7, b"again"), Append(HERE, "log", 2, b"")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), StaleLease, StaleLease, type(None)]
    left = {item.id: (item.due, item.data) for item in await nodes[1].peek(HERE, "q", 9)}
    assert left == {items[1].id: (0, b""), items[2].id: (7, b"again")}
    assert [entry.time for entry in await nodes[1].read(HERE, "log")] == [2]


async def test_a_name_that_was_dropped_goes_and_no_offset_comes_twice(
    nodes: list[PostgresStore], database: Database
) -> None:
    await nodes[0].commit(*[Append(HERE, "log", n, b"") for n in range(5)], Enqueue(HERE, "q", b"", 0))
    (*_, last) = await nodes[0].read(HERE, "log")
    await nodes[0].commit(TrimLog(HERE, "log"), TrimQueue(HERE, "q", ended=True))
    connection = await database.connect()
    try:
        await delete_dropped(connection)
        assert await connection.fetchval("SELECT count(*) FROM name") == 2  # for an hour, and for a day
        await connection.execute("UPDATE name SET dropped_at = dropped_at - 3600000")
        await delete_dropped(connection)
        assert await connection.fetchval("SELECT kind FROM name") == "queue"
        await connection.execute("UPDATE name SET dropped_at = dropped_at - 86400000")
        await delete_dropped(connection)
        assert await connection.fetchval("SELECT count(*) FROM name") == 0
    finally:
        await connection.close()
    for node in nodes:  # the first one remembers the number of before
        await node.commit(Append(HERE, "log", 9, b""))
    entries = await nodes[1].read(HERE, "log", after=last.offset)
    assert [entry.offset for entry in entries] == [last.offset + 1, last.offset + 2]


async def test_serialization_failures_are_tried_again(database: Database) -> None:
    """As databases with PostgreSQL's protocol have them that isolate transactions more strictly by default."""
    admin = await database.connect()
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    await admin.close()
    async with AsyncExitStack() as stack:
        stores = [await PostgresStore.open(database, SystemClock()) for _ in range(2)]
        for store in stores:
            stack.push_async_callback(store.close)

        @retries_on_conflict
        async def count(store: PostgresStore) -> None:
            record = await store.get(HERE, "k", "n")
            value = {"n": record.value["n"] + 1 if record else 1}
            change = PutRecord(HERE, "k", "n", value, record.revision if record else 0)
            await store.commit(change, Append(HERE, "counted", 0, b""))

        async def add(store: PostgresStore) -> None:
            for n in range(20):
                await store.commit(Append(HERE, "log", n, b""), Enqueue(HERE, "q", b"", 0))

        await asyncio.gather(*(count(store) for store in stores for _ in range(15)), *map(add, stores * 2))
        record = await stores[0].get(HERE, "k", "n")
        assert record is not None
        assert record.value["n"] == len(await stores[1].read(HERE, "counted")) == 30
        assert len(await stores[1].read(HERE, "log")) == len(await stores[1].peek(HERE, "q", 999)) == 80
