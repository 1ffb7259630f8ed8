"""Does the PostgreSQL store read what a plain model reads, each by an index, whatever the names and keys are?"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import asyncpg
import pytest
import pytest_asyncio

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry
from nightbus.store.postgres import log_reads, reads
from nightbus.store.postgres.connections import Database
from nightbus.store.ranges import Range
from postgres_nodes import new_database

HERE, HERE_TEXT = Scope("111111111111", "eu-west-1"), "111111111111/eu-west-1"
MANY = 20_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database() -> AsyncIterator[Database]:
    async with new_database() as made:
        yield made


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connected = await database.connect()
    await connected.execute("TRUNCATE name, record, entry")
    yield connected
    await connected.close()


async def name_logs(connection: asyncpg.Connection, names: Sequence[str]) -> None:
    """The first one has the number 1, and so on."""
    await connection.execute(
        "INSERT INTO name (scope, kind, name, id) SELECT $1, 'log', name, number"
        " FROM unnest($2::text[]) WITH ORDINALITY AS given (name, number)",
        HERE_TEXT,
        list(names),
    )


async def append(connection: asyncpg.Connection, rows: Sequence[tuple[int, int, int, str, bytes]]) -> None:
    columns = ["log", "position", "time", "key", "data"]
    await connection.copy_records_to_table("entry", schema_name="nightbus", columns=columns, records=rows)


async def put(connection: asyncpg.Connection, key: bytes, value: bytes = b"{}", form: int = 1) -> None:
    await connection.execute(
        "INSERT INTO record VALUES ($1, 'k', $2, 1, $3, $4)", HERE_TEXT, key, form, value
    )


def selected(entries: Sequence[Entry], logs: Sequence[str], wanted: Range) -> list[Entry]:
    found = [
        entry
        for entry in entries
        if entry.log in logs
        and (not wanted.after or (entry.offset > wanted.after) is not wanted.backwards)
        and entry.offset != wanted.after
        and (wanted.since is None or entry.time >= wanted.since)
        and (wanted.until is None or entry.time < wanted.until)
        and (wanted.key is None or entry.key == wanted.key)
    ]
    return found[::-1] if wanted.backwards else found


def some_range(choice: random.Random) -> Range:
    return Range(
        after=choice.choice([0, 0, choice.randrange(5_000)]),
        since=choice.choice([None, choice.randrange(110)]),
        until=choice.choice([None, choice.randrange(800)]),
        key=choice.choice([None, None, "", "a", "none"]),
        limit=choice.choice([0, 1, 3, 20, 1_000]),
        backwards=choice.random() < 0.5,
    )


async def test_logs_are_read_as_a_model_reads_them(connection: asyncpg.Connection) -> None:
    choice = random.Random(16)
    names = [f"log {number}" for number in range(25)]
    await name_logs(connection, names)
    entries = []
    for number, name in enumerate(names, 1):
        positions = sorted(choice.sample(range(1, 5_000), choice.choice([0, 1, 5, 40, 400])))
        rows = [
            # Times that go with the offsets, as most do, and times that do not.
            (
                number,
                at,
                choice.randrange(100) if number % 2 else at // 7,
                choice.choice(["", "a", "b"]),
                b"%d" % at,
            )
            for at in positions
        ]
        await append(connection, rows)
        entries += [Entry(name, at, time, data, key) for _, at, time, key, data in rows]
    merged = sorted(entries, key=lambda entry: (entry.time, entry.offset, entry.log))
    for _ in range(200):
        wanted = some_range(choice)
        name = choice.choice([*names, "none"])
        assert (
            await log_reads.entries(connection, HERE, name, wanted)
            == selected(entries, [name], wanted)[: wanted.limit]
        )
        several = choice.sample([*names, "none"], choice.randrange(20))
        found = await log_reads.merged_entries(connection, HERE, several, wanted)
        assert found == selected(merged, several, wanted)[: wanted.limit]


class Explaining:
    """A reader that looks at the plan of each statement: that no table is read as a whole."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.most_rows = 0  # that a step of any plan gave

    async def fetch(self, query: str, *values: Any) -> Any:
        (plan,) = json.loads(
            await self._connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", *values)
        )
        self._look_at(plan["Plan"])
        return await self._connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: Any) -> Any:
        return next(iter(await self.fetch(query, *values)), None)

    async def fetchval(self, query: str, *values: Any) -> Any:
        return (await self.fetchrow(query, *values))[0]

    def _look_at(self, plan: dict[str, Any]) -> None:
        assert plan["Node Type"] != "Seq Scan", plan
        filtered = plan.get("Rows Removed by Filter", 0)
        self.most_rows = max(self.most_rows, (plan["Actual Rows"] + filtered) * plan["Actual Loops"])
        for part in plan.get("Plans", ()):
            self._look_at(part)


async def test_each_read_goes_by_an_index(connection: asyncpg.Connection) -> None:
    await name_logs(connection, ["big", "other", "third", *(f"empty {number}" for number in range(MANY))])
    for log in (1, 2, 3):
        await append(connection, [(log, at, at * 10, f"{at % 500}", b"x" * 50) for at in range(1, MANY + 1)])
    for account in range(3):
        await connection.execute(
            "INSERT INTO record SELECT $1, 'k', convert_to('key ' || n, 'UTF8'), 1, 1, '{}'"
            " FROM generate_series(1, $2::integer) AS n",
            f"{account}/eu-west-1",
            MANY,
        )
    await connection.execute("ANALYZE")
    explaining = Explaining(connection)
    reader, scope = cast(asyncpg.Connection, explaining), Scope("1", "eu-west-1")
    middle = MANY * 5
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "get": lambda: reads.get(reader, scope, "k", "key 7"),
        "list": lambda: reads.records(reader, scope, "k", "key 1", "key 15", 5),
        "scopes": lambda: reads.scopes(reader, "k"),
        "log scopes": lambda: reads.log_scopes(reader),
        "logs": lambda: log_reads.logs(reader, HERE, "b"),
        "after": lambda: log_reads.entries(reader, HERE, "big", Range(after=MANY // 2, limit=5)),
        "newest": lambda: log_reads.entries(reader, HERE, "big", Range(limit=5, backwards=True)),
        "times": lambda: log_reads.entries(
            reader, HERE, "big", Range(since=middle, until=middle + 200, limit=5)
        ),
        "key": lambda: log_reads.entries(reader, HERE, "big", Range(key="77", limit=5)),
        "merged": lambda: log_reads.merged_entries(
            reader, HERE, ["big", "other"], Range(since=middle, limit=5)
        ),
        "merged backwards": lambda: log_reads.merged_entries(
            reader, HERE, ["big", "third"], Range(until=middle, limit=5, backwards=True)
        ),
        "merged by key": lambda: log_reads.merged_entries(
            reader, HERE, ["big", "other"], Range(key="78", limit=5)
        ),
    }
    figures = {}
    for what, call in calls.items():
        explaining.most_rows = 0
        assert await call(), what
        figures[what] = explaining.most_rows
    assert max(figures.values()) <= 100, figures


async def test_keys_are_bytes_in_their_order(connection: asyncpg.Connection) -> None:
    keys = ["a", "b", "ab", "a\0", "a\0b", "é", "\U0010ffff", "\ue000", ""]
    for key in keys:
        await put(connection, key.encode())

    async def listed(prefix: str = "", after: str = "", limit: int | None = None) -> list[str]:
        return [record.key for record in await reads.records(connection, HERE, "k", prefix, after, limit)]

    assert await listed() == sorted(keys, key=str.encode)
    assert await listed(after="a\0") == ["a\0b", "ab", "b", "é", "\ue000", "\U0010ffff"]
    assert await listed("a", "a", 2) == ["a\0", "a\0b"]
    assert await listed("a\0") == ["a\0", "a\0b"]
    assert await listed("\U0010ffff") == ["\U0010ffff"]
    assert await listed("b", "a") == ["b"]
    assert await listed("a", "b") == []
    record = await reads.get(connection, HERE, "k", "a\0b")
    assert record is not None
    assert record.key == "a\0b"


async def test_names_with_a_nul_are_nowhere(connection: asyncpg.Connection) -> None:
    assert await log_reads.entries(connection, HERE, "a\0", Range()) == []
    assert await log_reads.entries(connection, HERE, "a", Range(key="a\0")) == []
    assert await log_reads.merged_entries(connection, HERE, ["a\0", "b"], Range()) == []
    assert await log_reads.merged_entries(connection, HERE, ["b"], Range(key="\0")) == []
    assert await log_reads.logs(connection, HERE, "\0") == []
    assert await log_reads.log_sizes(connection, HERE, "\0", 10) == {}


async def test_a_record_of_ten_megabytes_and_one_that_cannot_be_read(
    connection: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    value = {"v": "x" * 10_000_000}
    await put(connection, b"large", json.dumps(value).encode())
    await put(connection, b"newer", form=9)
    (record,) = await reads.records(connection, HERE, "k", "", "", None)
    assert record.value == value
    assert "newer Nightbus" in caplog.text
    assert await reads.count_records(connection, HERE, "k") == 2


@pytest.mark.parametrize("length", [100, 700, 1_300, 1_900, 2_500, 9_000, 100_000])
async def test_a_log_takes_what_its_size_says(length: int, connection: asyncpg.Connection) -> None:
    choice = random.Random(length)
    await name_logs(connection, ["log"])
    number = max(2_000_000 // length, 100)
    await append(connection, [(1, at, at, "key", choice.randbytes(length)) for at in range(number)])
    sizes = await log_reads.log_sizes(connection, HERE, "log", 50)
    assert sorted(sizes) == list(range(0, number, 50))
    taken = await connection.fetchval("SELECT pg_table_size('entry')")
    # PostgreSQL 16 and newer take several pages at a time, of which some are empty yet.
    assert 0.7 * taken < sum(sizes.values()) < 1.05 * taken


async def test_rows_are_counted(connection: asyncpg.Connection) -> None:
    await name_logs(connection, ["a", "b"])
    await append(connection, [(1, 1, 1, "", b"")])
    await put(connection, b"a")
    assert await reads.rows(connection) == {
        "record k": 1,
        "name log": 2,
        "entry": 1,
        "item": 0,
        "blob_owner": 0,
    }
