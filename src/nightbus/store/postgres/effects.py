"""Writes what a plan comes to, by a few statements over arrays: never a row at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from nightbus.store.interface import RecordName
from nightbus.store.postgres import blob_rows
from nightbus.store.postgres.locks import Stale, record_columns
from nightbus.store.postgres.plan import Plan, Written

if TYPE_CHECKING:
    import asyncpg

Row = TypeVar("Row", bound=tuple[Any, ...])
_ENTRIES = """
INSERT INTO entry (log, position, time, key, once, data)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[])
"""
_NAMES = """
UPDATE name SET newest = greatest(name.newest, grown.newest), dropped_at = NULL
FROM unnest($1::bigint[], $2::bigint[]) AS grown (id, newest) WHERE name.id = grown.id
"""
_ITEMS = """
INSERT INTO item (queue, id, due, ready, grp, data)
SELECT queue, nextval('item_ids'), due, due, grp, data
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bytea[]) AS new (queue, due, grp, data)
RETURNING id
"""
_DONE = """
WITH gone AS (DELETE FROM item USING unnest($1::bigint[], $2::bigint[]) AS done (queue, id)
              WHERE item.queue = done.queue AND item.id = done.id RETURNING item.queue, item.grp)
SELECT DISTINCT queue FROM gone WHERE grp <> ''
"""
_BACK = """
UPDATE item SET due = back.due, ready = back.due, data = coalesce(back.data, item.data), holder = NULL
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[]) AS back (queue, id, due, data)
WHERE item.queue = back.queue AND item.id = back.id
"""
_NEW_RECORDS = """
INSERT INTO record (scope, kind, key, revision, form, value)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::integer[], $6::bytea[])
    AS new (scope, kind, key, revision, form, value)
ORDER BY scope, kind, key ON CONFLICT DO NOTHING
"""
_CHANGED_RECORDS = """
UPDATE record SET revision = new.revision, form = new.form, value = new.value
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::integer[], $6::bytea[])
    AS new (scope, kind, key, revision, form, value)
WHERE record.scope = new.scope AND record.kind = new.kind AND record.key = new.key
"""
_GONE_RECORDS = """
DELETE FROM record USING unnest($1::text[], $2::text[], $3::bytea[]) AS gone (scope, kind, key)
WHERE record.scope = gone.scope AND record.kind = gone.kind AND record.key = gone.key
"""
_KEPT = """
INSERT INTO blob_owner (digest, owner) SELECT * FROM unnest($1::text[], $2::text[]) AS kept (digest, owner)
ORDER BY digest, owner ON CONFLICT DO NOTHING
"""
_RELEASED = """
DELETE FROM blob_owner USING unnest($1::text[], $2::text[]) AS released (digest, owner)
WHERE blob_owner.digest = released.digest AND blob_owner.owner = released.owner
"""


MOST_OF_A_STATEMENT = (
    4_000_000  # bytes of data, some 5 ms of the event loop, which encodes a statement at once
)
_PLACEHOLDER = Written(0, b"{}", 1)


async def write(
    connection: asyncpg.Connection, plan: Plan, absent: list[RecordName]
) -> tuple[list[int], set[int]]:
    """Within the transaction that locked the plan's state. `absent`: records that must not come up before its end.

    The ids of the new items, and the numbers of the queues in which items of groups are done. Raises Stale.
    """
    if plan.records or absent:
        await _write_records(connection, plan, absent)
    if plan.owners:
        await _write_owners(connection, plan)
    grouped = await _settle(connection, plan) if plan.settled else set()
    for entries in _portions(plan.entries):
        await connection.execute(_ENTRIES, *map(list, zip(*entries, strict=True)))
    if plan.grown or plan.came_back:
        rows = dict.fromkeys(plan.came_back, 0) | plan.grown
        await connection.execute(_NAMES, list(rows), list(rows.values()))
    ids: list[int] = []
    for items in _portions(plan.items):
        made = await connection.fetch(_ITEMS, *map(list, zip(*items, strict=True)))
        ids += [row[0] for row in made]
    return ids, grouped


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """The rows of one statement after the other; their data is the last column."""
    first = size = 0
    for at, row in enumerate(rows):
        size += len(row[-1] or b"")
        if size >= MOST_OF_A_STATEMENT:
            yield rows[first : at + 1]
            first, size = at + 1, 0
    if first < len(rows):
        yield rows[first:]


async def _settle(connection: asyncpg.Connection, plan: Plan) -> set[int]:
    done = [key for key, back in plan.settled.items() if back is None]
    backs = [(*key, back.due, back.data) for key, back in plan.settled.items() if back is not None]
    for some in _portions(backs):
        await connection.execute(_BACK, *map(list, zip(*some, strict=True)))
    if not done:
        return set()
    return {row[0] for row in await connection.fetch(_DONE, *map(list, zip(*done, strict=True)))}


async def _write_records(connection: asyncpg.Connection, plan: Plan, absent: list[RecordName]) -> None:
    """A record that is to be absent until the commit is there for the transaction alone: whoever creates it waits."""
    standing = plan.state.revisions
    gone = [name for name, row in plan.records.items() if row.value is None and name in standing]
    changed = {name: row for name, row in plan.records.items() if row.value is not None}
    new = {name: row for name, row in changed.items() if name not in standing}
    old = {name: row for name, row in changed.items() if name in standing}
    if gone:
        await connection.execute(_GONE_RECORDS, *record_columns(gone))
    if old:
        await connection.execute(_CHANGED_RECORDS, *record_columns(old), *_columns(list(old.values())))
    placeholders = [name for name in absent if name not in new]
    if new or placeholders:
        rows = [*new.values(), *[_PLACEHOLDER] * len(placeholders)]
        columns = record_columns([*new, *placeholders])
        made = await connection.execute(_NEW_RECORDS, *columns, *_columns(rows))
        if made != f"INSERT 0 {len(rows)}":
            raise Stale("a record came up meanwhile")
    if placeholders:
        await connection.execute(_GONE_RECORDS, *record_columns(placeholders))


async def _write_owners(connection: asyncpg.Connection, plan: Plan) -> None:
    for statement, kept in ((_KEPT, True), (_RELEASED, False)):
        owners = [key for key, keeps in plan.owners.items() if keeps is kept]
        if owners:
            await connection.execute(statement, *map(list, zip(*owners, strict=True)))
    released = {digest for (digest, _), keeps in plan.owners.items() if not keeps}
    await blob_rows.settle(connection, plan.kept, released)


def _columns(rows: list[Written]) -> tuple[list[int], list[int], list[bytes]]:
    return [row.revision for row in rows], [row.form for row in rows], [row.value or b"" for row in rows]
