"""Does a cluster come back from its backup, and does the doctor find what is wrong with its database?"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from pathlib import Path

import pytest

from blob_files import read_blob
from cutting_proxy import cutting_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.doctor import NOTE, OK, WRONG, Finding
from nightbus.store.interface import Append, Enqueue, KeepBlob, PutRecord, StoreUnavailable
from nightbus.store.postgres.backup import ClusterBackupFailed, back_up_cluster, restore_cluster
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.doctor import examine_cluster
from nightbus.store.postgres.schema import VERSION
from nightbus.store.postgres.store import PostgresStore
from postgres_server import PASSWORD, PostgresServer, postgres_server

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture
def server() -> PostgresServer:
    return postgres_server()


@pytest.fixture
def database(server: PostgresServer) -> Database:
    """Reached by a password, which must not be on a command line."""
    return Database(server.url_by_network(server.make_database(), None), password=PASSWORD)


@pytest.fixture
async def digest(database: Database) -> str:
    """Of the one blob of a store that has some of everything, and is closed."""
    store = await PostgresStore.open(database, SystemClock())
    blob = await store.put_blob(b"0123456789" * 200_000)
    await store.commit(
        PutRecord(HERE, "k", "a\0b", {"n": 1}),
        Append(HERE, "log", 7, b"entry", "key"),
        Enqueue(HERE, "queue", b"item", 0),
        KeepBlob(blob.digest, "owner"),
    )
    await store.close()
    return blob.digest


async def found(database: Database, level: str) -> list[Finding]:
    return [finding async for finding in examine_cluster(database) if finding.level == level]


async def test_a_cluster_comes_back(
    digest: str, database: Database, server: PostgresServer, tmp_path: Path
) -> None:
    file = tmp_path / "cluster.backup"
    file.write_text("an older one")
    store = await PostgresStore.open(database, SystemClock())  # a node that runs
    assert await asyncio.to_thread(back_up_cluster, database, file) == file.stat().st_size
    await store.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    new = Database(server.url(server.make_database()))
    await asyncio.to_thread(restore_cluster, new, file)
    restored = await PostgresStore.open(new, SystemClock())
    record = await restored.get(HERE, "k", "a\0b")
    assert record is not None
    assert record.value == {"n": 1}
    assert [entry.data for entry in await restored.read(HERE, "log")] == [b"entry"]
    assert [item.data for item in await restored.lease(HERE, "queue", 1, 1_000)] == [b"item"]
    assert len(await read_blob(restored, digest)) == 2_000_000
    await restored.commit(Append(HERE, "log", 8, b"next"), Enqueue(HERE, "queue", b"next", 0))
    assert [entry.data for entry in await restored.read(HERE, "log")] == [b"entry", b"next"]
    await restored.close()
    with pytest.raises(ClusterBackupFailed, match="without it"):
        restore_cluster(new, file)


async def test_a_node_that_ran_while_its_database_was_put_back_knows_no_number_of_before(
    server: PostgresServer, tmp_path: Path
) -> None:
    file, name = tmp_path / "cluster.backup", server.make_database()
    direct = Database(server.url(name))
    async with cutting_proxy("127.0.0.1", server.port) as proxy:
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), SystemClock())
        await store.commit(Enqueue(HERE, "kept", b"1", 0))
        await asyncio.to_thread(back_up_cluster, direct, file)
        await store.commit(Enqueue(HERE, "lost", b"2", 0))
        proxy.away = True
        server.drop_database(name)
        server.execute(f"CREATE DATABASE {name}")
        await asyncio.to_thread(restore_cluster, direct, file)
        other = await PostgresStore.open(direct, SystemClock())
        await other.commit(Enqueue(HERE, "other", b"3", 0))  # it gets the number that the lost queue had
        proxy.away = False
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(StoreUnavailable):
                    await store.commit(Enqueue(HERE, "lost", b"4", 0))
                    break
        for queue, data in (("kept", b"1"), ("other", b"3"), ("lost", b"4")):
            assert [item.data for item in await store.peek(HERE, queue, 9)] == [data]
        await store.close()
        await other.close()
    server.drop_database(name)


async def test_only_a_backup_of_a_cluster_is_restored(
    digest: str, database: Database, server: PostgresServer, tmp_path: Path
) -> None:
    other, empty = tmp_path / "other", Database(server.url(server.make_database()))
    other.write_bytes(b"PK something else")
    with pytest.raises(ClusterBackupFailed, match="not in pg_dump's custom format"):
        restore_cluster(empty, other)
    other.write_bytes(b"PGDMP and nothing more")
    with pytest.raises(ClusterBackupFailed, match="pg_restore failed"):
        restore_cluster(empty, other)
    back_up_cluster(Database(database.url, schema="pg_catalog", password=PASSWORD), other)
    with pytest.raises(ClusterBackupFailed, match="no tables of Nightbus"):
        restore_cluster(empty, other)
    with pytest.raises(ClusterBackupFailed, match="No such file"):
        restore_cluster(empty, tmp_path / "none")
    whole = tmp_path / "whole"
    back_up_cluster(database, whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(ClusterBackupFailed, match="pg_restore failed"):
        restore_cluster(empty, whole)
    assert server.execute("SELECT to_regnamespace('nightbus') IS NULL", _name(empty)) == "t"


async def test_a_backup_that_fails_writes_nothing_and_names_no_password(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "backup"
    wrong = Database(database.url, password="wrong 100%/@")
    with pytest.raises(ClusterBackupFailed) as failure:
        back_up_cluster(wrong, file)
    assert "authentication failed" in str(failure.value)
    assert "100%" not in str(failure.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("version", "taken"), [("{}.99", True), ("99.1", False), ("9.6.24 (Ubuntu)", False)])
def test_the_pg_dump_of_the_servers_version_is_taken(
    digest: str,
    database: Database,
    server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    taken: bool,
) -> None:
    program = tmp_path / "bin" / "pg_dump"
    program.parent.mkdir()
    answer = f"echo 'pg_dump (PostgreSQL) {version.format(server.version)}'"
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {answer} || {{ echo "taken" >&2; exit 1; }}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    if taken:
        with pytest.raises(ClusterBackupFailed, match="pg_dump failed: taken"):
            back_up_cluster(database, tmp_path / "backup")
    else:
        assert back_up_cluster(database, tmp_path / "backup") > 0


async def test_a_sound_cluster(digest: str, database: Database) -> None:
    wrong = [finding.text for finding in await found(database, WRONG)]
    # The server of the tests is one that forgets.
    assert [text.partition(":")[0] for text in wrong] == ["fsync is off", "full_page_writes is off"]
    texts = " ".join(finding.text for finding in await found(database, OK))
    for part in (
        "can be reached",
        "PostgreSQL",
        f"schema {VERSION}",
        "1 records",
        "1 blobs",
        "0 nodes run",
        "database",
    ):
        assert part in texts
    assert any("no standby" in finding.text for finding in await found(database, NOTE))


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE meta SET value = '99' WHERE key = 'schema'", "newer Nightbus"),
        ("UPDATE record SET form = 9", "cannot be read: it was written by a newer"),
        ("UPDATE record SET value = 'nothing'", "cannot be read"),
        ("DELETE FROM name WHERE kind = 'log'", "1 logs with entries have no name"),
        ("DELETE FROM name WHERE kind = 'queue'", "1 queues with items have no name"),
        ("DELETE FROM blob_chunk WHERE number = 1", "1 blobs lack bytes"),
        ("DELETE FROM blob", "1 blobs are named and missing"),
        ("DROP TABLE meta", "no schema nightbus"),
    ],
)
async def test_what_is_wrong_in_the_database(
    statement: str, text: str, digest: str, database: Database, server: PostgresServer
) -> None:
    server.execute(f"SET search_path = nightbus; {statement}", _name(database))
    findings = [finding for finding in await found(database, WRONG) if " is off: " not in finding.text]
    assert [text in finding.text and bool(finding.advice) for finding in findings] == [True]


async def test_a_node_that_is_silent(digest: str, database: Database, server: PostgresServer) -> None:
    server.execute(
        "INSERT INTO nightbus.node (id, name, url, version, started, heartbeat, home, load)"
        " VALUES (77, 'gone', '', '', 0, 0, '', '')",
        _name(database),
    )
    assert any("silent: gone" in finding.text for finding in await found(database, NOTE))


async def test_a_database_that_cannot_be_reached(database: Database) -> None:
    (finding,) = await found(Database("postgresql://nightbus:secret@127.0.0.1:1/none"), WRONG)
    assert "cannot be reached" in finding.text
    assert "secret" not in f"{finding}"
    (finding,) = await found(Database(database.url, password="wrong"), WRONG)
    assert "authentication failed" in finding.text


def _name(database: Database) -> str:
    return database.url.partition("?")[0].rpartition("/")[2]
