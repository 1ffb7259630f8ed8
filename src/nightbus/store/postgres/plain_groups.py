"""Writes a group that only appends, enqueues and acknowledges, which is nearly all of a busy node's, by one statement.

The statement is the transaction: it locks as `locks` does, and divides by zero where a name has ended, is dropped or
has another number, or where a lease does not stand. Then nothing is written, and the group is planned as any other.
So a group costs one round trip in place of six.

Where the connection is lost during the statement, it is not known whether it was committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightbus.store.interface import Acknowledge, Append, Change, Enqueue, EnqueueMany
from nightbus.store.postgres.names import Names
from nightbus.store.postgres.texts import stored
from nightbus.store.postgres.work import Work

if TYPE_CHECKING:
    import asyncpg

PLAIN = frozenset({Append, Enqueue, EnqueueMany, Acknowledge})

_WRITE = """
WITH logs AS MATERIALIZED (SELECT id, newest FROM name
         WHERE id = ANY($1::bigint[]) AND dropped_at IS NULL ORDER BY id FOR NO KEY UPDATE),
     queues AS MATERIALIZED (SELECT id FROM name
         WHERE id = ANY($3::bigint[]) AND dropped_at IS NULL ORDER BY id FOR KEY SHARE),
     gone AS (DELETE FROM item USING unnest($4::bigint[], $5::bigint[], $6::bigint[]) AS done (queue, id, token)
         WHERE item.queue = done.queue AND item.id = done.id AND (done.token IS NULL OR item.token = done.token)
         RETURNING item.queue, item.grp, done.token IS NOT NULL AS leased),
     items AS (INSERT INTO item (queue, id, due, ready, grp, data)
         SELECT queue, nextval('item_ids'), due, due, grp, data
         FROM unnest($7::bigint[], $8::bigint[], $9::text[], $10::bytea[]) AS new (queue, due, grp, data)
         RETURNING id),
     grown AS (UPDATE name SET newest = logs.newest + counted.entries
         FROM logs JOIN unnest($1::bigint[], $2::bigint[]) AS counted (id, entries) USING (id)
         WHERE name.id = logs.id),
     entries AS (INSERT INTO entry (log, position, time, key, data)
         SELECT new.log, logs.newest + new.number, new.time, new.key, new.data
         FROM unnest($11::bigint[], $12::bigint[], $13::bigint[], $14::text[], $15::bytea[])
             AS new (log, number, time, key, data) JOIN logs ON logs.id = new.log)
SELECT 1 / CASE WHEN (SELECT count(*) FROM logs) = cardinality($1::bigint[])
                 AND (SELECT count(*) FROM queues) = cardinality($3::bigint[])
                 AND (SELECT count(*) FROM gone WHERE leased) = $16 THEN 1 ELSE 0 END,
       ARRAY(SELECT id FROM items), ARRAY(SELECT DISTINCT queue FROM gone WHERE grp <> '')
"""
DIVISION_BY_ZERO = "22012"


@dataclass(slots=True)
class Rows:
    """Columns of the new rows, and of the items that are done. `counts`: how many items there are after each batch."""

    logs: Counter[int] = field(default_factory=Counter)
    queues: set[int] = field(default_factory=set)
    done: dict[tuple[int, int], int | None] = field(default_factory=dict)
    items: tuple[list[int], list[int], list[str], list[bytes]] = field(
        default_factory=lambda: ([], [], [], [])
    )
    entries: tuple[list[int], list[int], list[int], list[str], list[bytes]] = field(
        default_factory=lambda: ([], [], [], [], [])
    )
    counts: list[int] = field(default_factory=lambda: [0])

    def add(self, changes: Sequence[Change], names: Names) -> bool:
        """False where something of the batch is another matter: a name without a known number, an item twice."""
        logs, queues, done = self.logs, self.queues, self.done
        of_log, number, time, key, data = self.entries
        of_item, due, group, content = self.items
        for change in changes:
            if isinstance(change, Append):
                log = names.known((change.scope, "log", change.log))
                if log is None:
                    return False
                logs[log] += 1
                of_log.append(log)
                number.append(logs[log])
                time.append(change.time)
                key.append(stored(change.key))
                data.append(change.data)
                continue
            queue = names.known((change.scope, "queue", change.queue))  # type: ignore[union-attr]
            if queue is None:
                return False
            if isinstance(change, Enqueue):
                queues.add(queue)
                of_item.append(queue)
                due.append(change.due)
                group.append(stored(change.group))
                content.append(change.data)
            elif isinstance(change, EnqueueMany):
                queues.add(queue)
                count = len(change.data)
                of_item += [queue] * count
                due += [change.due] * count
                group += [""] * count
                content += change.data
            elif isinstance(change, Acknowledge):
                if (queue, change.item) in done:
                    return False
                done[queue, change.item] = change.token
        self.counts.append(len(of_item))
        return True

    def work(self, grouped: Sequence[int]) -> Work:
        offered = self.queues.union(grouped)
        settled = {queue for queue, _ in self.done} - offered
        return Work(frozenset(offered), frozenset(settled), frozenset(self.logs))


async def write(connection: asyncpg.Connection, rows: Rows) -> tuple[list[int], Work]:
    """The ids of the new items, and what is to be told; committed. Raises what the driver does."""
    done = sorted(rows.done)
    tokens = [rows.done[key] for key in done]
    row = await connection.fetchrow(
        _WRITE,
        list(rows.logs),
        list(rows.logs.values()),
        list(rows.queues),
        [key[0] for key in done],
        [key[1] for key in done],
        tokens,
        *rows.items,
        *rows.entries,
        len(tokens) - tokens.count(None),
    )
    assert row is not None
    return row[1], rows.work(row[2])
