"""Defines how the four primitives lie in one PostgreSQL database, which any number of nodes share.

Each key begins with the column by which a distributed PostgreSQL would place its rows: the scope of a record or a name,
the number of a log or a queue for what lies in it. Nothing refers to another table by a foreign key. Numbers of names
are unique since they come from a sequence: a unique index of them alone would not begin with the scope.

`name` gives logs and queues their numbers. A commit that appends to a log locks the log's row until it ends and takes
the next positions from `newest`: so of one log the offsets are in the order of the commits, and who has read as far as
one offset has missed none before it. A commit that puts something into a queue holds its row by a shared lock, which
only the end of the queue conflicts with. A row with `dropped_at` has nothing under it: the log lost its last entry, or
the queue was deleted. It keeps its number for an hour, so that nodes may remember numbers for less, and comes back
with it unless it is `ended`.

An item's `ready` is when it may be offered next: its due time, or the end of its lease. So an item is leased, or put
off by the holder of a lease, where `ready` differs from `due`.

The bytes of a blob lie under `content`, a number of their own, in `blob_chunk` or elsewhere; `blob_leftover` has the
numbers of bytes that no blob has (`blob_rows`).

`change` tells the nodes which records the commits touched, in the order of `seq`, which comes from the one row of
`feed`. What lies in `slot`, `rate` and `rate_moment` is said by the modules `slots` and `rates`. Times are UTC
milliseconds. Keys of records are the bytes of their UTF-8 text, which sort as the interface promises.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from nightbus.store.postgres.failures import is_tried_again

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
VERSION = 2
_FIRST_WITH_NODES_SCHEMA = 2  # `node.schema`: which version a node knows
_LOCK = "lock"  # of the row of `meta` that a node locks while it makes or changes tables
_ATTEMPTS = 20
# What IF NOT EXISTS raises where two sessions make the same at a time, and where a name was there after all.
_AT_ONCE = frozenset({"23505", "42P06", "42P07", "42710"})

_META = 'CREATE TABLE IF NOT EXISTS meta (key text COLLATE "C" PRIMARY KEY, value text NOT NULL)'
_TABLES = """
CREATE SEQUENCE name_ids;
CREATE TABLE name (scope text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL,
                   id bigint NOT NULL DEFAULT nextval('name_ids'), newest bigint NOT NULL DEFAULT 0,
                   dropped_at bigint, ended boolean NOT NULL DEFAULT false,
                   PRIMARY KEY (scope, kind, name)) WITH (fillfactor = 50);
CREATE INDEX name_by_id ON name (id);
CREATE TABLE record (scope text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, key bytea NOT NULL,
                     revision bigint NOT NULL, form integer NOT NULL, value bytea NOT NULL,
                     PRIMARY KEY (scope, kind, key));
CREATE INDEX record_by_kind ON record (kind, scope);
CREATE TABLE entry (log bigint NOT NULL, position bigint NOT NULL, time bigint NOT NULL,
                    key text COLLATE "C" NOT NULL, once text COLLATE "C", data bytea NOT NULL,
                    PRIMARY KEY (log, position));
CREATE INDEX entry_by_time ON entry (log, time, position);
CREATE INDEX entry_by_key ON entry (log, key, position) WHERE key <> '';
CREATE INDEX entry_by_once ON entry (log, once, position) WHERE once IS NOT NULL;
CREATE SEQUENCE item_ids;
CREATE TABLE item (queue bigint NOT NULL, id bigint NOT NULL, due bigint NOT NULL, ready bigint NOT NULL,
                   grp text COLLATE "C" NOT NULL DEFAULT '', data bytea NOT NULL, token bigint NOT NULL DEFAULT 0,
                   attempts integer NOT NULL DEFAULT 0, first bigint NOT NULL DEFAULT 0, holder bigint,
                   PRIMARY KEY (queue, id))
    WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
          autovacuum_analyze_scale_factor = 0.1, autovacuum_analyze_threshold = 2000);
CREATE INDEX item_by_ready ON item (queue, ready, id);
CREATE INDEX item_leased ON item (queue, due, id) WHERE ready <> due;
CREATE INDEX item_leased_of_group ON item (queue, grp) WHERE ready <> due AND grp <> '';
CREATE INDEX item_by_group ON item (queue, grp, id) WHERE grp <> '';
CREATE INDEX item_by_holder ON item (holder) WHERE holder IS NOT NULL;
CREATE TABLE blob (digest text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, md5 text NOT NULL,
                   home text NOT NULL, content bigint NOT NULL, pins integer NOT NULL, put_at bigint NOT NULL);
CREATE INDEX blob_pinned ON blob (put_at) WHERE pins > 0;
CREATE TABLE blob_chunk (content bigint NOT NULL, number integer NOT NULL, data bytea NOT NULL,
                         PRIMARY KEY (content, number));
ALTER TABLE blob_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE blob_leftover (content bigint PRIMARY KEY, home text NOT NULL, kept_until bigint NOT NULL);
CREATE INDEX blob_leftover_by_time ON blob_leftover (kept_until);
CREATE TABLE blob_owner (digest text COLLATE "C" NOT NULL, owner text COLLATE "C" NOT NULL,
                         PRIMARY KEY (digest, owner));
CREATE TABLE feed (id boolean PRIMARY KEY CHECK (id), seq bigint NOT NULL) WITH (fillfactor = 10);
INSERT INTO feed VALUES (true, 0);
CREATE TABLE change (seq bigint PRIMARY KEY, at bigint NOT NULL, node bigint NOT NULL, names bytea NOT NULL);
CREATE SEQUENCE node_ids;
CREATE TABLE node (id bigint PRIMARY KEY, name text NOT NULL, url text NOT NULL, version text NOT NULL,
                   started bigint NOT NULL, heartbeat bigint NOT NULL, home text NOT NULL,
                   draining boolean NOT NULL DEFAULT false, load bytea NOT NULL) WITH (fillfactor = 50);
CREATE TABLE slot (name text COLLATE "C" NOT NULL, node bigint NOT NULL, slots integer NOT NULL,
                   PRIMARY KEY (name, node)) WITH (fillfactor = 50);
CREATE TABLE secret (name text COLLATE "C" PRIMARY KEY, sealed text NOT NULL);
"""

# Since version 2.
_RATES = """
CREATE TABLE rate (name text COLLATE "C" PRIMARY KEY, room_from double precision NOT NULL) WITH (fillfactor = 50);
CREATE TABLE rate_moment (name text COLLATE "C" NOT NULL, who text COLLATE "C" NOT NULL,
                          moment double precision NOT NULL, PRIMARY KEY (name, who));
"""

# From each version to the next one. A step only adds: nodes of the release before go on meanwhile (docs/cluster.md).
_STEPS = {1: f"ALTER TABLE node ADD COLUMN schema integer NOT NULL DEFAULT 1; {_RATES}"}
_RUNNING_BEFORE = """
SELECT name, schema FROM node WHERE schema < $1 AND heartbeat > extract(epoch FROM clock_timestamp()) * 1000 - $2
ORDER BY schema LIMIT 1
"""
_SILENT_MS = 10_000  # without a heartbeat a node surely has ended


class NewerSchema(Exception):
    """The database was written by a Nightbus with which this one does not go together."""


async def prepare(connection: asyncpg.Connection, schema: str, version: int = VERSION) -> None:
    """Make the schema in a new database, and bring an older one up to date, while no other node does.

    A schema that is one step newer than `version`, the one that this release knows, is left as it is: what the step
    added is not used. The lock is a row, since not every database with PostgreSQL's protocol has advisory locks.

    Raises NewerSchema where it is newer than that, or nodes run that know neither `version` nor the one before.
    """
    import asyncpg

    for attempt in range(_ATTEMPTS):
        try:
            await _make_lock(connection, schema)
            # Each statement sees what others had committed before it, so also what was made while this one waited.
            async with connection.transaction(isolation="read_committed"):
                await connection.execute("SELECT 1 FROM meta WHERE key = $1 FOR UPDATE", _LOCK)
                return await _bring_up_to_date(connection, schema, version)
        except asyncpg.PostgresError as failure:
            if (failure.sqlstate not in _AT_ONCE and not is_tried_again(failure)) or attempt == _ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.05 * random.random())  # noqa: S311 - not a secret


async def _make_lock(connection: asyncpg.Connection, schema: str) -> None:
    """A role that may not create schemas needs one that is its own."""
    if await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema}"') is None:
        await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    if await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".meta') is None:
        await connection.execute(_META)
    await connection.execute("INSERT INTO meta VALUES ($1, '') ON CONFLICT (key) DO NOTHING", _LOCK)


async def _bring_up_to_date(connection: asyncpg.Connection, schema: str, version: int) -> None:
    found = await schema_version(connection, schema)
    if found > version + 1:
        raise NewerSchema(
            f"the database was written by a newer Nightbus (schema {found}, this one knows {version}, and goes"
            f" together with {version + 1})"
        )
    if found > version:
        log.info(
            "the database has schema %d already, of the next release; this node knows %d", found, version
        )
        return
    if found == 0:
        await connection.execute(_TABLES)
    for older in range(max(found, 1), version):
        await _require_neighbours(connection, older)
        await connection.execute(_STEPS[older])
    if found < version:
        await connection.execute(
            "INSERT INTO meta VALUES ('schema', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            str(version),
        )


async def _require_neighbours(connection: asyncpg.Connection, older: int) -> None:
    """Raise NewerSchema where a node runs that does not go together with the version after `older`."""
    if older < _FIRST_WITH_NODES_SCHEMA:
        return
    row = await connection.fetchrow(_RUNNING_BEFORE, older, _SILENT_MS)
    if row is not None:
        raise NewerSchema(
            f"node {row['name']} is of a release that knows schema {row['schema']}, and schema {older + 1} goes"
            f" together with {older} only: end that node, or let it run the release between first"
        )


async def schema_version(connection: asyncpg.Connection, schema: str) -> int:
    """Return which version of the tables the database has, 0 for none."""
    if await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".meta') is None:
        return 0
    return int(await connection.fetchval("SELECT value FROM meta WHERE key = 'schema'") or 0)
