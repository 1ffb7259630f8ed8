"""A node uses the newest primary of those that it reaches, and none that was replaced: real servers, one promoted."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from nightbus.node.shared_store import TIMELINE_FILE, SharedStore
from nightbus.store.postgres import primaries
from nightbus.store.postgres.backup import ClusterBackupFailed, back_up_cluster
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.doctor import examine_cluster
from nightbus.store.postgres.failures import is_outage
from nightbus.store.postgres.primaries import Primaries, servers_of
from nightbus.store.postgres.timelines import FormerPrimary, Timeline, Timelines
from postgres_nodes import until
from postgres_server import PASSWORD, PostgresServer, postgres_server, start_server, start_standby
from waiting import wait_for


@dataclass
class Pair:
    """`old` is a primary, and `new` its standby until it is promoted; both live on."""

    old: PostgresServer
    new: PostgresServer

    def database(self, *servers: PostgresServer, options: str = "") -> Database:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        return Database(f"postgresql://nightbus@{hosts}/postgres{options}", password=PASSWORD)

    def promote(self) -> None:
        self.new.execute("SELECT pg_promote()")
        wait_for(lambda: self.new.execute("SELECT pg_is_in_recovery()") == "f", 60)


def make_pair() -> Iterator[Pair]:
    postgres_server()  # skips where there is none
    old = start_server(wal_level="replica")
    try:
        new = start_standby(old, "standby", wal_level="replica")
        try:
            yield Pair(old, new)
        finally:
            new.stop()
    finally:
        old.stop()


@pytest.fixture
def pair() -> Iterator[Pair]:
    yield from make_pair()


@pytest.fixture(scope="module")
def promoted() -> Iterator[Pair]:
    for made in make_pair():
        made.promote()
        yield made


async def port_of(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SHOW port"))


async def connected_port(database: Database) -> int:
    connection = await database.connect()
    try:
        return await port_of(connection)
    finally:
        await connection.close()


async def test_a_node_leaves_an_old_primary_that_lives_on(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(primaries, "LOOK_SECONDS", 0.1)
    database = pair.database(pair.old, pair.new)
    pool = await database.pool()
    single = await database.connect()
    looking = asyncio.create_task(database.look_for_newer_primary())
    try:
        assert await port_of(single) == pair.old.port
        assert int(await pool.fetchval("SHOW port")) == pair.old.port
        asleep = asyncio.create_task(pool.fetch("SELECT pg_sleep(60)"))
        pair.promote()
        await until(single.is_closed, 30)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)) as cut:
            await asleep  # what was under way has no outcome
        assert is_outage(cut.value)
        assert int(await pool.fetchval("SHOW port")) == pair.new.port
        assert await connected_port(database) == pair.new.port
    finally:
        looking.cancel()
        pool.terminate()


@pytest.mark.parametrize("options", ["", "?target_session_attrs=read-write"])
async def test_of_two_primaries_the_newer_one_is_taken(promoted: Pair, options: str) -> None:
    assert (
        await connected_port(promoted.database(promoted.old, promoted.new, options=options))
        == promoted.new.port
    )
    assert (
        await connected_port(promoted.database(promoted.new, promoted.old, options=options))
        == promoted.new.port
    )


@pytest.mark.parametrize("knows_the_old_one", [False, True])
async def test_a_newer_primary_that_answers_late_is_taken(
    promoted: Pair, monkeypatch: pytest.MonkeyPatch, knows_the_old_one: bool
) -> None:
    monkeypatch.setattr(primaries, "_ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(primaries, "_OTHERS_SECONDS", 0.0)
    direct = functools.partial(asyncpg.connect, promoted.database(promoted.old).url, password=PASSWORD)
    timelines = Timelines()
    if knows_the_old_one:
        before = await direct()
        await timelines.accept(before)
        before.terminate()
    old_has_answered = asyncio.Event()

    async def connect(**server: str | int) -> asyncpg.Connection:
        if server["port"] == promoted.new.port:
            await old_has_answered.wait()
        connection = await direct(**server)
        if server["port"] == promoted.old.port:
            asyncio.get_running_loop().call_later(0.3, old_has_answered.set)
        return connection

    servers = [("127.0.0.1", server.port) for server in (promoted.old, promoted.new)]
    connection = await Primaries(servers, timelines).connect(connect)
    assert await port_of(connection) == promoted.new.port
    connection.terminate()


async def test_a_primary_that_was_replaced_is_refused_after_a_restart_too(
    promoted: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "database-timeline"
    before = promoted.database(promoted.new)
    before.timelines.remember_in(file)
    assert await connected_port(before) == promoted.new.port
    after = promoted.database(promoted.old)
    after.timelines.remember_in(file)
    with caplog.at_level(logging.ERROR, "nightbus.store"):
        for _ in range(3):
            with pytest.raises(
                FormerPrimary, match="on timeline 1, and this node has worked with timeline 2"
            ) as refused:
                await after.connect()
    assert is_outage(refused.value)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "nightbus.store"]
    assert "delete database-timeline" in line and PASSWORD not in line
    file.unlink()
    forgotten = promoted.database(promoted.old)
    forgotten.timelines.remember_in(file)
    assert await connected_port(forgotten) == promoted.old.port


async def test_a_pool_refuses_it_as_well(promoted: Pair, tmp_path: Path) -> None:
    database = promoted.database(promoted.old)
    system = promoted.old.execute("SELECT system_identifier FROM pg_control_system()")
    (tmp_path / "file").write_text(json.dumps({"system": system, "number": 2}))
    database.timelines.remember_in(tmp_path / "file")
    pool = await database.pool()
    with pytest.raises(FormerPrimary):
        await pool.fetchval("SELECT 1")
    pool.terminate()


async def test_a_damaged_file_is_no_memory(promoted: Pair, tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"system": ')
    database = promoted.database(promoted.old)
    database.timelines.remember_in(tmp_path / "file")
    assert await connected_port(database) == promoted.old.port


@pytest.mark.parametrize("says", ["[]", '{"system": 1}', '{"system": "1", "number": "x"}', "null", "\0"])
async def test_a_file_that_has_something_else_is_no_memory(promoted: Pair, tmp_path: Path, says: str) -> None:
    (tmp_path / "file").write_text(says)
    database = promoted.database(promoted.old)
    database.timelines.remember_in(tmp_path / "file")
    assert await connected_port(database) == promoted.old.port


@pytest.mark.parametrize("options", ["", "?application_name=x"])
def test_a_backup_is_of_the_newest_primary(promoted: Pair, tmp_path: Path, options: str) -> None:
    promoted.new.execute("CREATE SCHEMA IF NOT EXISTS nightbus")  # the old one has none
    back_up_cluster(promoted.database(promoted.old, promoted.new, options=options), tmp_path / "backup")
    assert (tmp_path / "backup").stat().st_size


async def test_commands_know_what_nodes_know(promoted: Pair, tmp_path: Path) -> None:
    known = promoted.database(promoted.new)
    (tmp_path / "worker-2").mkdir()
    known.timelines.remember_in(tmp_path / "worker-2" / TIMELINE_FILE)
    await connected_port(known)
    url = f"postgresql://nightbus@127.0.0.1:{promoted.old.port}/postgres"
    old = SharedStore(url, password=PASSWORD).database_known_in(tmp_path)
    with pytest.raises(ClusterBackupFailed, match="a primary that was replaced"):
        back_up_cluster(old, tmp_path / "backup")
    (finding,) = [one async for one in examine_cluster(old)]
    assert "a primary that was replaced" in finding.text
    assert not (tmp_path / TIMELINE_FILE).exists()


async def test_one_server_that_is_away_keeps_nobody_from_the_other(promoted: Pair) -> None:
    hosts = f"127.0.0.1:1,127.0.0.1:{promoted.new.port}"
    database = Database(f"postgresql://nightbus@{hosts}/postgres", password=PASSWORD)
    assert await connected_port(database) == promoted.new.port
    away = Database("postgresql://nightbus@127.0.0.1:1,127.0.0.1:2/postgres", password=PASSWORD)
    with pytest.raises(ConnectionRefusedError):
        await away.connect()


async def test_two_databases_that_are_no_copies_do_not_take_turns(
    promoted: Pair, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(primaries, "LOOK_SECONDS", 0.05)
    database = promoted.database(promoted.new, postgres_server())
    connection = await database.connect()
    in_use = await port_of(connection)
    looking = asyncio.create_task(database.look_for_newer_primary())
    try:
        await until(lambda: "is not a copy of the one in use" in caplog.text, 30)
        assert not connection.is_closed()
        assert await connected_port(database) == in_use
    finally:
        looking.cancel()
        connection.terminate()


class LosesConnections(Timelines):
    """Each connection that is accepted is lost soon after, before a silent server's time is over."""

    async def accept(self, connection: asyncpg.Connection, *, only_copies: bool = False) -> Timeline | None:
        timeline = await super().accept(connection, only_copies=only_copies)
        asyncio.get_running_loop().call_later(0.01, connection.terminate)
        return timeline


async def test_a_primary_that_is_lost_while_the_others_are_asked_is_an_outage(promoted: Pair) -> None:
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    servers = [("127.0.0.1", promoted.new.port), silent.sockets[0].getsockname()]
    connect = functools.partial(asyncpg.connect, promoted.database(promoted.new).url, password=PASSWORD)
    with pytest.raises(OSError) as lost:
        await Primaries(servers, LosesConnections()).connect(connect)
    assert is_outage(lost.value)
    silent.close()


async def test_a_database_that_tells_no_timelines_is_taken_as_it_is(promoted: Pair) -> None:
    server = promoted.new
    server.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
    server.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        database = Database(f"postgresql://plain:plain@127.0.0.1:{server.port}/postgres")
        assert await connected_port(database) == server.port
        assert database.timelines.newest is None
    finally:
        server.execute("GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        server.execute("DROP ROLE plain")


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("postgresql://u@db/n", [("db", 5432)]),
        ("postgresql://u:a%40b@db1,db2:5433/n", [("db1", 5432), ("db2", 5433)]),
        ("postgresql://u@db1,db2/n?port=5501,5502", [("db1", 5501), ("db2", 5502)]),
        ("postgresql://u@db1,db2/n?port=5501", [("db1", 5501), ("db2", 5501)]),
        ("postgresql://u@[::1]:5501,[::2]/n", [("::1", 5501), ("::2", 5432)]),
        ("postgresql://u@/n?host=/run/postgresql&port=5501", [("/run/postgresql", 5501)]),
        ("postgresql://u@/n?host=a,b:5502", [("a", 5432), ("b", 5502)]),
        ("postgresql:///n", []),
        ("postgresql://u@a:x,b/n", []),
    ],
)
def test_servers_of_a_url(url: str, servers: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPORT", raising=False)
    monkeypatch.delenv("PGHOST", raising=False)
    assert servers_of(url) == servers


def test_servers_that_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libpq and the driver take them, where the URL names none."""
    monkeypatch.setenv("PGHOST", "a,b,/run/postgresql")
    monkeypatch.setenv("PGPORT", "1,2,3")
    assert servers_of("postgresql://u@/d") == [("a", 1), ("b", 2), ("/run/postgresql", 3)]
    monkeypatch.setenv("PGPORT", "7")
    assert servers_of("postgresql:///d?sslmode=prefer") == [("a", 7), ("b", 7), ("/run/postgresql", 7)]
    assert servers_of("postgresql://c/d") == [("c", 7)]
    assert servers_of("postgresql:///d?host=c&port=8") == [("c", 8)]
    monkeypatch.delenv("PGHOST")
    assert servers_of("postgresql:///d") == []
