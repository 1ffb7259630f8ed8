"""Removes entries and items by age, or all of a log or a queue, within a commit.

Done at once and not planned: what a trim removes nobody has looked at. A name that has nothing under it any more is
marked as dropped. One that has ended stays for a day, so that a commit that was planned before finds the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightbus.store.interface import TrimLog, TrimQueue
from nightbus.store.postgres.names import DATABASE_NOW, Names
from nightbus.store.scopes import NameKey

if TYPE_CHECKING:
    import asyncpg

_LOCK = "SELECT 1 FROM name WHERE id = ANY($1::bigint[]) ORDER BY id FOR {}"
_LOCK_LOGS, _LOCK_QUEUES = _LOCK.format("NO KEY UPDATE"), _LOCK.format("UPDATE")
_DROP = f"UPDATE name SET dropped_at = {DATABASE_NOW}, ended = ended OR $2 WHERE id = $1"  # noqa: S608
_OLD_ENTRIES = "DELETE FROM entry WHERE log = $1 AND time < $2"
_HAS_ENTRIES = "SELECT 1 FROM entry WHERE log = $1 LIMIT 1"
_ENTRIES = "DELETE FROM entry WHERE log = $1"
_OLD_ITEMS = "DELETE FROM item WHERE queue = $1 AND due < $2"
_ITEMS = "DELETE FROM item WHERE queue = $1"
_SECONDS = 300.0  # a trim may remove millions of rows


def name_of(change: TrimLog | TrimQueue) -> NameKey:
    if isinstance(change, TrimLog):
        return change.scope, "log", change.log
    return change.scope, "queue", change.queue


async def numbers(
    connection: asyncpg.Connection, names: Names, trims: list[TrimLog | TrimQueue]
) -> dict[NameKey, int]:
    """Of the names that are trimmed; outside of a transaction. One that ends gets a number even where it has none."""
    ending = await names.make_all(connection, [name_of(trim) for trim in trims if trim.ended])
    others = [name_of(trim) for trim in trims if not trim.ended]
    return ending | await names.find_all(connection, others) if others else ending


async def lock(
    connection: asyncpg.Connection,
    changes: list[TrimLog | TrimQueue],
    logs: list[int],
    numbered: dict[NameKey, int],
) -> None:
    """Lock what is trimmed as a whole, and the logs that the batch appends to, in the order of `locks`. Whoever puts
    something into a queue holds its row: it is there before it is trimmed, or comes after the end."""
    whole = [(name_of(change), change) for change in changes if change.before is None]
    queues = [numbered[name] for name, change in whole if isinstance(change, TrimQueue) and name in numbered]
    logs = logs + [
        numbered[name] for name, change in whole if isinstance(change, TrimLog) and name in numbered
    ]
    if logs:
        await connection.execute(_LOCK_LOGS, logs)
    if queues:
        await connection.execute(_LOCK_QUEUES, queues)


async def trim(connection: asyncpg.Connection, change: TrimLog | TrimQueue, number: int) -> None:
    """What is trimmed as a whole is locked."""
    if isinstance(change, TrimLog):
        await _trim_log(connection, change, number)
    elif change.before is not None:
        await connection.execute(_OLD_ITEMS, number, change.before, timeout=_SECONDS)
    else:
        await connection.execute(_ITEMS, number, timeout=_SECONDS)
        await connection.execute(_DROP, number, change.ended)


async def _trim_log(connection: asyncpg.Connection, change: TrimLog, number: int) -> None:
    """Old entries go without the lock, which others want for appending. It is taken where none seems to be left."""
    if change.before is not None:
        await connection.execute(_OLD_ENTRIES, number, change.before, timeout=_SECONDS)
        if await connection.fetchval(_HAS_ENTRIES, number) is not None:
            return
        await connection.execute(_LOCK_LOGS, [number])
        if await connection.fetchval(_HAS_ENTRIES, number) is not None:
            return
    else:
        await connection.execute(_ENTRIES, number, timeout=_SECONDS)
    await connection.execute(_DROP, number, change.ended)
