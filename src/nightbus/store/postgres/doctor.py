"""Examines a cluster's database. Each check looks at one thing, changes nothing, and says what it found and what to do.

It may run beside nodes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from nightbus.store.doctor import NOTE, OK, WRONG, Finding
from nightbus.store.forms import UnreadableRecord, newest, value_of
from nightbus.store.postgres.blob_rows import DATABASE_HOME
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.reads import table_sizes
from nightbus.store.postgres.refusals import reason_of
from nightbus.store.postgres.schema import VERSION

if TYPE_CHECKING:
    import asyncpg

_OLDEST_SERVER, _NEWEST_SERVER = 14, 18
_OLD_TRANSACTION_SECONDS = 3600
_WRAPAROUND_AGE = (
    1_500_000_000  # of some 2^31: https://www.postgresql.org/docs/current/routine-vacuuming.html
)
_SILENT_MS = 4_000  # without a heartbeat a node counts as gone
_MOST_NAMED = 5
_FROM_BACKUP = "stop the nodes and restore a backup into a new database (nightbus restore)"
Check = Callable[["asyncpg.Connection"], AsyncIterator[Finding]]


async def examine_cluster(database: Database, further: tuple[Check, ...] = ()) -> AsyncIterator[Finding]:
    """Every finding, those of the checks `further` included."""
    import asyncpg

    try:
        connection = await database.connect(name="nightbus doctor")
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
        reason = reason_of(database.url, failure)
        yield Finding(
            WRONG,
            f"{database.shown} cannot be reached: {reason}",
            "check the URL, the password and the server",
        )
        return
    try:
        yield Finding(OK, f"{database.shown} can be reached")
        async for finding in _server(connection):
            yield finding
        known = False
        async for finding in _schema(connection, database.schema):
            known = finding.level != WRONG
            yield finding
        for check in (*CHECKS, *further) if known else ():
            async for finding in check(connection):
                yield finding
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
        yield Finding(WRONG, f"{database.shown} cannot be examined: {failure}", "see the server's log")
    finally:
        await connection.close()


async def _server(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    text = await connection.fetchval("SHOW server_version")
    major = int(await connection.fetchval("SHOW server_version_num")) // 10_000
    if major < _OLDEST_SERVER:
        yield Finding(
            WRONG, f"PostgreSQL {text} is too old", f"use one of {_OLDEST_SERVER} to {_NEWEST_SERVER}"
        )
    elif major > _NEWEST_SERVER:
        yield Finding(
            NOTE, f"PostgreSQL {text} is newer than {_NEWEST_SERVER}, with which Nightbus was tried out"
        )
    else:
        yield Finding(OK, f"PostgreSQL {text}")
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        yield Finding(
            WRONG,
            "the server is a standby, which takes no commits",
            "name all servers in the URL, with target_session_attrs=read-write",
        )
    if await connection.fetchval("SHOW server_encoding") != "UTF8":
        yield Finding(WRONG, "the database does not keep texts as UTF-8", "make it with ENCODING 'UTF8'")


async def _schema(connection: asyncpg.Connection, schema: str) -> AsyncIterator[Finding]:
    if await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".meta') is None:
        yield Finding(WRONG, f"it has no schema {schema} of Nightbus", "the first node that starts makes it")
        return
    version = int(await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'") or 0)
    if version == VERSION + 1:
        yield Finding(
            NOTE,
            f"schema {version}, of the next release",
            f"this one knows {VERSION}: bring it up to date too",
        )
    elif version > VERSION:
        text = f"schema {version}, written by a newer Nightbus (this one knows {VERSION})"
        yield Finding(WRONG, text, "use the Nightbus that wrote it, or a newer one")
    elif version < VERSION:
        advice = f"the next node that starts brings it up to {VERSION}; back it up before"
        yield Finding(NOTE, f"schema {version}", advice)
    else:
        yield Finding(OK, f"schema {version}")


async def _durability(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    """Yield the settings by which what is acknowledged may be lost."""
    rows = await connection.fetch("SELECT name, setting FROM pg_settings")
    setting = {row[0]: row[1] for row in rows}
    bad = {
        "fsync": "a crash of the machine may destroy the database",
        "full_page_writes": "a crash of the machine may damage the database",
        "synchronous_commit": "what is acknowledged may be lost when the server crashes",
        "autovacuum": "the tables of queues grow without end",
    }
    found = [name for name in bad if setting.get(name) == "off"]
    for name in found:
        yield Finding(WRONG, f"{name} is off: {bad[name]}", "turn it on in postgresql.conf")
    standbys = setting.get("synchronous_standby_names", "")
    if standbys and setting.get("synchronous_commit") == "local":
        advice = "set synchronous_commit to on"
        yield Finding(WRONG, "synchronous_commit is local: no commit waits for the standbys", advice)
    elif standbys:
        yield Finding(OK, f"commits wait for standbys ({standbys})")
    else:
        advice = "set synchronous_standby_names where a machine may be lost"
        yield Finding(NOTE, "commits wait for no standby: what is acknowledged is on one machine", advice)
    if not found:
        yield Finding(OK, "fsync, full_page_writes, synchronous_commit and autovacuum are on")
    if setting.get("data_checksums") == "off":
        yield Finding(
            NOTE, "the server keeps no checksums of its pages", "pg_checksums --enable, or initdb -k"
        )


async def _upkeep(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    age = await connection.fetchval(
        "SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()"
    )
    if age > _WRAPAROUND_AGE:
        advice = "run VACUUM FREEZE: the server stops taking commits at 2^31"
        yield Finding(WRONG, f"the oldest transaction is {age:,} transactions old", advice)
    rows = await connection.fetch(
        "SELECT pid, extract(epoch FROM clock_timestamp() - xact_start)::bigint FROM pg_stat_activity"
        " WHERE xact_start < clock_timestamp() - make_interval(secs => $1) AND datname = current_database()"
        " AND backend_type = 'client backend'",
        float(_OLD_TRANSACTION_SECONDS),
    )
    for pid, seconds in rows:
        advice = f"end it: SELECT pg_terminate_backend({pid})"
        text = f"a transaction is open for {seconds // 60:,} minutes (process {pid}): no row is cleared away meanwhile"
        yield Finding(NOTE, text, advice)


async def has_running_nodes(connection: asyncpg.Connection) -> bool:
    since = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint - heartbeat"
    query = f"SELECT EXISTS (SELECT 1 FROM node WHERE {since} <= $1)"  # noqa: S608 - made of constants
    return bool(await connection.fetchval(query, _SILENT_MS))


async def _nodes(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    rows = await connection.fetch(
        "SELECT name, draining, (extract(epoch FROM clock_timestamp()) * 1000)::bigint - heartbeat"
        " FROM node ORDER BY id"
    )
    silent = [name for name, _, since in rows if since > _SILENT_MS]
    running = [
        f"{name} (draining)" if draining else name for name, draining, since in rows if since <= _SILENT_MS
    ]
    yield Finding(OK, f"{len(running)} nodes run" + (f": {', '.join(running)}" if running else ""))
    if silent:
        advice = (
            "the others take over their work"
            if running
            else "the next node that starts takes over their work"
        )
        yield Finding(NOTE, f"{len(silent)} nodes are silent: {_some(silent)}", advice)


async def _records(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    count = 0
    async with connection.transaction(readonly=True):
        async for kind, key, form, value in connection.cursor(
            "SELECT kind, key, form, value FROM record", prefetch=100
        ):
            count += 1
            try:
                value_of(kind, key.decode(errors="replace"), form, value)
            except UnreadableRecord as unreadable:
                newer = form > newest(kind)
                advice = "use the Nightbus that wrote it, or a newer one" if newer else _FROM_BACKUP
                yield Finding(WRONG, f"record {unreadable}", advice)
    yield Finding(OK, f"{count} records")


_NAMELESS = """
WITH RECURSIVE hop (number) AS (
    (SELECT {column} FROM {table} ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE {column} > hop.number ORDER BY {column} LIMIT 1)
    FROM hop WHERE hop.number IS NOT NULL)
SELECT count(*) FROM hop WHERE number IS NOT NULL AND NOT EXISTS (SELECT 1 FROM name WHERE id = hop.number)
"""


async def _names(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    for table, column, noun in (
        ("entry", "log", "logs with entries"),
        ("item", "queue", "queues with items"),
    ):
        nameless = await connection.fetchval(_NAMELESS.format(table=table, column=column))
        if nameless:
            yield Finding(WRONG, f"{nameless} {noun} have no name", _FROM_BACKUP)


_MISSING = """
SELECT DISTINCT digest FROM blob_owner WHERE NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest = blob_owner.digest)
"""
_CUT_SHORT = f"""
SELECT digest FROM blob WHERE home = '{DATABASE_HOME}' AND size <> coalesce(
    (SELECT sum(octet_length(data)) FROM blob_chunk WHERE blob_chunk.content = blob.content), -1)
"""  # noqa: S608 - made of constants


async def _blobs(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    """By their sizes: their bytes are compared with their digests whenever they are opened."""
    missing = [row[0] for row in await connection.fetch(_MISSING)]
    short = [row[0] for row in await connection.fetch(_CUT_SHORT)]
    if missing:
        yield Finding(WRONG, f"{len(missing)} blobs are named and missing: {_some(missing)}", _FROM_BACKUP)
    if short:
        yield Finding(WRONG, f"{len(short)} blobs lack bytes: {_some(short)}", _FROM_BACKUP)
    for home, count, size in await connection.fetch(
        "SELECT home, count(*), sum(size)::bigint FROM blob GROUP BY home"
    ):
        yield Finding(OK, f"{count} blobs, {_megabytes(size)}, in the {home}")
    left = await connection.fetchval("SELECT count(*) FROM blob_leftover WHERE kept_until = 0")
    if left:
        yield Finding(NOTE, f"the bytes of {left} blobs belong to nobody", "a node that runs deletes them")


async def _sizes(connection: asyncpg.Connection) -> AsyncIterator[Finding]:
    sizes = sorted((await table_sizes(connection)).items(), key=lambda one: -one[1])
    whole = await connection.fetchval("SELECT pg_database_size(current_database())")
    text = ", ".join(f"{table} {_megabytes(size)}" for table, size in sizes[:_MOST_NAMED])
    yield Finding(OK, f"database {_megabytes(whole)}: {text}")


def _some(names: list[Any]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MB"


CHECKS: tuple[Check, ...] = (_durability, _upkeep, _nodes, _records, _names, _blobs, _sizes)
