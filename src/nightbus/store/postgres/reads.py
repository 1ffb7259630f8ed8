"""Finds records and counts rows by queries over a pool or one connection, each by an index.

The entries of logs are in `log_reads`, items in `leases`.

Keys of records are bytes, so that they may hold any character; `texts` says how other texts hold a NUL.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nightbus.aws.calls import Scope
from nightbus.store.forms import UnreadableRecord, value_of
from nightbus.store.interface import Record
from nightbus.store.ranges import after_prefix
from nightbus.store.scopes import scope_of, scope_text

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.patient_reads import PatientReader

    Reader = asyncpg.Pool | PatientReader | asyncpg.Connection

log = logging.getLogger("nightbus.store")
_COUNTED_PAGES = 20_000  # 160 MB: of a table that is larger, the server's estimate is told


async def get(reader: Reader, scope: Scope, kind: str, key: str) -> Record | None:
    """Raises UnreadableRecord."""
    row = await reader.fetchrow(
        "SELECT value, revision, form FROM record WHERE scope = $1 AND kind = $2 AND key = $3",
        scope_text(scope),
        kind,
        key.encode(),
    )
    return Record(key, value_of(kind, key, row[2], row[0]), row[1]) if row else None


async def records(
    reader: Reader, scope: Scope, kind: str, prefix: str, after: str, limit: int | None
) -> list[Record]:
    """The records of the kind that can be read; the others are logged."""
    end = after_prefix(prefix)
    first = max(prefix.encode(), after.encode())
    beyond = ">" if after and first == after.encode() else ">="  # "" is a key too
    before = "" if end is None else " AND key < $5"
    rows = await reader.fetch(
        "SELECT key, value, revision, form FROM record WHERE scope = $1 AND kind = $2"  # noqa: S608 - of constants
        f" AND key {beyond} $3{before} ORDER BY key LIMIT $4",
        scope_text(scope),
        kind,
        first,
        limit,
        *(() if end is None else (end.encode(),)),
    )
    readable = []
    for row in rows:
        key = row[0].decode()
        try:
            readable.append(Record(key, value_of(kind, key, row[3], row[1]), row[2]))
        except UnreadableRecord as unreadable:  # it stops none of the others; nightbus doctor tells of it
            log.error("%s; it is left out", unreadable)
    return readable


async def count_records(reader: Reader, scope: Scope, kind: str) -> int:
    number: int = await reader.fetchval(
        "SELECT count(*) FROM record WHERE scope = $1 AND kind = $2", scope_text(scope), kind
    )
    return number


# From scope to scope over an index, since DISTINCT would visit every row.
_SCOPES = """
WITH RECURSIVE hop (scope) AS (
    (SELECT scope FROM record WHERE kind = $1 ORDER BY scope LIMIT 1)
    UNION ALL
    SELECT (SELECT record.scope FROM record WHERE record.kind = $1 AND record.scope > hop.scope
            ORDER BY record.scope LIMIT 1)
    FROM hop WHERE hop.scope IS NOT NULL)
SELECT scope FROM hop WHERE scope IS NOT NULL
"""
_LOG_SCOPES = """
WITH RECURSIVE hop (scope) AS (
    (SELECT scope FROM name ORDER BY scope LIMIT 1)
    UNION ALL
    SELECT (SELECT name.scope FROM name WHERE name.scope > hop.scope ORDER BY name.scope LIMIT 1)
    FROM hop WHERE hop.scope IS NOT NULL)
SELECT scope FROM hop WHERE scope <> '/'
    AND EXISTS (SELECT 1 FROM name WHERE name.scope = hop.scope AND name.kind = 'log' AND name.dropped_at IS NULL)
"""


async def scopes(reader: Reader, kind: str) -> list[Scope]:
    return [scope_of(row[0]) for row in await reader.fetch(_SCOPES, kind)]


async def log_scopes(reader: Reader) -> list[Scope]:
    return [scope_of(row[0]) for row in await reader.fetch(_LOG_SCOPES)]


async def rows(reader: Reader) -> dict[str, int]:
    """How many records of each kind, and rows of the other tables; of a table that is large, an estimate."""
    counts: dict[str, int] = {}
    for table, which in (("record", ""), ("name", "WHERE dropped_at IS NULL")):
        query = f"SELECT kind, count(*) FROM {table} {which} GROUP BY kind"  # noqa: S608 - made of constants
        for kind, count in await reader.fetch(query):
            counts[f"{table} {kind}"] = count
    for table in ("entry", "item", "blob_owner"):
        counts[table] = await _row_count(reader, table)
    return counts


async def _row_count(reader: Reader, table: str) -> int:
    size = await reader.fetchrow(
        "SELECT relpages, reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)", table
    )
    if size is not None and size[0] > _COUNTED_PAGES:
        return max(0, int(size[1]))
    return int(await reader.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a constant


async def table_sizes(reader: Reader) -> dict[str, int]:
    """The bytes of each table on the server's disk, with its indexes and what is stored beside it."""
    rows = await reader.fetch(
        "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = to_regnamespace(quote_ident(current_schema()))"
    )
    return {row[0]: row[1] for row in rows}
