"""Leases items of queues that are leased by group: those of a group in their order, and only one lease's at a time.

A look goes over the first items of up to a hundred groups of which nobody has an item, and offers the groups in the
order of these items. Where more groups than that are free, the next look goes on behind them: so none is forgotten,
and no look reads a queue of ten thousand groups. What is locked by somebody who takes from that group at this moment is
passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nightbus.bounded import Bounded
from nightbus.store.postgres import lease_statements as statements

if TYPE_CHECKING:
    import asyncpg

    Rows = list[asyncpg.Record]

_WINDOW = 100  # groups
_MOST_CURSORS = 10_000
_ATTEMPTS = 3


class NewLease(NamedTuple):
    """`now` and `ends` in UTC ms; `holder` is the number of the node that takes items of its own queues."""

    now: int
    ends: int
    token: int
    holder: int | None


class GroupCursors:
    """Behind which group the next look at a queue begins, by the queue's number."""

    def __init__(self) -> None:
        self._behind: Bounded[int, str] = Bounded(_MOST_CURSORS)

    def behind(self, queue: int) -> str:
        return self._behind.get(queue, "")

    def looked(self, queue: int, found: int, last: str | None) -> None:
        """`found` groups were free, the last of them `last`."""
        if found >= _WINDOW and last:
            self._behind[queue] = last
        else:
            self._behind.pop(queue, None)

    def __len__(self) -> int:
        return len(self._behind)


async def take_groups(
    connection: asyncpg.Connection,
    cursors: GroupCursors,
    queue: int,
    lease: NewLease,
    limit: int,
) -> Rows:
    """At most `limit` items, in their order. A transaction."""
    async with connection.transaction():
        first_of = await _lock_heads(connection, cursors, queue, lease.now, limit)
        taken: Rows = []
        ungrouped = first_of.pop("", None)
        if ungrouped is not None:  # it is the first of the queue
            taken += await connection.fetch(statements.TAKE_UNGROUPED, queue, *lease, ungrouped, limit)
        if first_of and len(taken) < limit:
            groups = sorted(first_of, key=first_of.__getitem__)[:limit]
            ids = [first_of[group] for group in groups]
            rest = limit - len(taken)
            rows = await connection.fetch(statements.TAKE_GROUPS, queue, *lease, groups, ids, rest)
            taken += sorted(rows, key=lambda row: (first_of[row["grp"]], row["id"]))
        return taken


async def _lock_heads(
    connection: asyncpg.Connection, cursors: GroupCursors, queue: int, now: int, limit: int
) -> dict[str, int]:
    """The first items of free groups, by group."""
    behind = cursors.behind(queue)
    *heads, (_, last, found) = await connection.fetch(
        statements.LOCK_HEADS, queue, now, behind, _WINDOW, limit
    )
    cursors.looked(queue, found, last)
    if len(heads) < limit and (behind or len(heads) < found):
        # From the first group on, and whatever others do not take from at this moment.
        *more, _ = await connection.fetch(statements.LOCK_HEADS, queue, now, "", _WINDOW, _WINDOW)
        heads += more
    return {head["grp"]: head["id"] for head in heads}


async def take_one_of_group(
    connection: asyncpg.Connection,
    queue: int,
    lease: NewLease,
    item: int,
    group: str,
) -> Rows:
    """This item, where nobody has another one of the group. A transaction."""
    lock, arguments = (
        (statements.LOCK_HEAD, (queue, group)) if group else (statements.LOCK_UNGROUPED, (queue,))
    )
    async with connection.transaction():
        for _ in range(_ATTEMPTS):
            if await connection.fetchval(lock, *arguments) is not None:
                return await connection.fetch(statements.TAKE_ONE_OF_GROUP, queue, *lease, item, group)
    return []  # the first item went each time: whoever took it is at work
