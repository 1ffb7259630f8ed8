"""Locks what a group of batches depends on, in an order that all nodes share, and reads how it stands.

The order: rows of logs, rows of queues, records that are written, records that are required, leased items, blobs; each
sorted.
So two groups seldom wait for each other. Where they do, the server ends one of them, and `writer` tries it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry, RecordName
from nightbus.store.postgres import blob_rows
from nightbus.store.postgres.names import Names
from nightbus.store.postgres.needs import Needs
from nightbus.store.postgres.plan import NameRow, State
from nightbus.store.postgres.texts import original, stored
from nightbus.store.scopes import NameKey, scope_of, scope_text

if TYPE_CHECKING:
    import asyncpg

_NAMES = """
WITH logs AS (SELECT id, newest, dropped_at IS NOT NULL, ended FROM name
              WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE),
     queues AS (SELECT id, newest, dropped_at IS NOT NULL, ended FROM name
                WHERE id = ANY($2::bigint[]) ORDER BY id FOR KEY SHARE)
SELECT * FROM logs UNION ALL SELECT * FROM queues
"""
_RECORDS = """
SELECT record.scope, record.kind, record.key, record.revision
FROM unnest($1::text[], $2::text[], $3::bytea[]) AS wanted (scope, kind, key)
JOIN record USING (scope, kind, key) ORDER BY record.scope, record.kind, record.key FOR {} OF record
"""
_WRITTEN, _REQUIRED = _RECORDS.format("UPDATE"), _RECORDS.format("SHARE")
_ITEMS = """
SELECT item.queue, item.id, item.token FROM unnest($1::bigint[], $2::bigint[]) AS wanted (queue, id)
JOIN item USING (queue, id) ORDER BY item.queue, item.id FOR UPDATE OF item
"""
_ONCE = """
SELECT wanted.log, wanted.once, found.position, found.time, found.data
FROM unnest($1::bigint[], $2::text[]) AS wanted (log, once) CROSS JOIN LATERAL
    (SELECT position, time, data FROM entry WHERE entry.log = wanted.log AND entry.once = wanted.once
     ORDER BY position DESC LIMIT 1) AS found
"""
_LAST = """
SELECT wanted.log, found.position FROM unnest($1::bigint[]) AS wanted (log) CROSS JOIN LATERAL
    (SELECT position FROM entry WHERE entry.log = wanted.log ORDER BY position DESC LIMIT 1) AS found
"""


class Stale(Exception):
    """A name's number is not what this node remembers, or a record came up meanwhile: the group is planned again."""


async def numbers(connection: asyncpg.Connection, names: Names, needs: Needs) -> dict[NameKey, int]:
    """Of all names that `needs` has; outside of a transaction. A queue that items are only settled in may have none."""
    made = await names.make_all(connection, [*needs.logs, *needs.queues])
    settled = [name for name in needs.settled_in if name not in made]
    return made | await names.find_all(connection, settled) if settled else made


async def lock(
    connection: asyncpg.Connection, names: Names, numbered: dict[NameKey, int], needs: Needs
) -> State:
    """Within a transaction. Raises Stale."""
    state = State()
    if needs.logs or needs.queues:
        await _lock_names(connection, names, numbered, needs, state)
    if needs.written:
        await _lock_records(connection, _WRITTEN, needs.written, state)
    if needs.required:
        only = [name for name in needs.required if name not in needs.written]
        await _lock_records(connection, _REQUIRED, only, state)
    for name in needs.settled_in:
        if name in numbered:
            state.settled_in[name] = numbered[name]
    if needs.leased:
        await _lock_items(connection, numbered, needs, state)
    if needs.once:
        await _look_up_keys(connection, numbered, needs, state)
    if needs.blobs:
        state.blobs = await blob_rows.lock(connection, needs.blobs)
    if needs.deleted:
        await _look_again(connection, needs, state)
    return state


async def _look_again(connection: asyncpg.Connection, needs: Needs, state: State) -> None:
    """What was not there when a lock was waited for may have been made by whoever held it, and is to be deleted."""
    absent = [name for name in needs.deleted if name not in state.revisions]
    if absent and await connection.fetch(_WRITTEN, *record_columns(absent)):
        raise Stale("a record came up meanwhile")


async def _lock_names(
    connection: asyncpg.Connection, names: Names, numbered: dict[NameKey, int], needs: Needs, state: State
) -> None:
    logs = [numbered[name] for name in needs.logs]
    queues = [numbered[name] for name in needs.queues]
    rows = {row[0]: NameRow(*row) for row in await connection.fetch(_NAMES, logs, queues)}
    for name in (*needs.logs, *needs.queues):
        row = rows.get(numbered[name])
        if row is not None:
            state.names[name] = row
    if len(state.names) < len(logs) + len(queues):
        names.forget([*needs.logs, *needs.queues])
        raise Stale("a name has another number")


async def _lock_records(
    connection: asyncpg.Connection, statement: str, wanted: Iterable[RecordName], state: State
) -> None:
    rows = list(wanted)
    if not rows:
        return
    scopes: dict[str, Scope] = {}
    for scope, kind, key, revision in await connection.fetch(statement, *record_columns(rows)):
        of = scopes.get(scope) or scopes.setdefault(scope, scope_of(scope))
        state.revisions[RecordName(of, kind, key.decode())] = revision


async def _lock_items(
    connection: asyncpg.Connection, numbered: dict[NameKey, int], needs: Needs, state: State
) -> None:
    wanted = {(numbered[name], item): (name, item) for name, item in needs.leased if name in numbered}
    rows = await connection.fetch(_ITEMS, [key[0] for key in wanted], [key[1] for key in wanted])
    for queue, item, token in rows:
        state.tokens[wanted[queue, item]] = token


async def _look_up_keys(
    connection: asyncpg.Connection, numbered: dict[NameKey, int], needs: Needs, state: State
) -> None:
    logs = {numbered[name]: name for name, _ in needs.once}
    for log, last in await connection.fetch(_LAST, list(logs)):
        state.last[logs[log]] = last
    columns = [numbered[name] for name, _ in needs.once], [stored(key) for _, key in needs.once]
    for log, key, position, time, data in await connection.fetch(_ONCE, *columns):
        state.once[logs[log], original(key)] = Entry(logs[log][2], position, time, data, "")


def record_columns(names: Iterable[RecordName]) -> tuple[list[str], list[str], list[bytes]]:
    rows = list(names)
    return (
        [scope_text(row.scope) for row in rows],
        [row.kind for row in rows],
        [row.key.encode() for row in rows],
    )
