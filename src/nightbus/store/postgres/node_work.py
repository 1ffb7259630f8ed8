"""Says what each node has leased of the nodes' own queues: its duties, and the work of which it does some at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightbus.store.duties import duty_of
from nightbus.store.interface import SYSTEM, QueueName

if TYPE_CHECKING:
    import asyncpg

_LEASED = """
SELECT item.holder, name.name, count(*) AS items FROM item JOIN name ON name.id = item.queue
WHERE item.holder IS NOT NULL AND item.ready > extract(epoch FROM clock_timestamp()) * 1000
GROUP BY item.holder, name.name ORDER BY name.name
"""


@dataclass(frozen=True, slots=True)
class NodeWork:
    """`duties` by their names, `jobs` by their queue how many."""

    duties: list[str] = field(default_factory=list)
    jobs: dict[str, int] = field(default_factory=dict)


async def work_by_node(connection: asyncpg.Connection) -> Mapping[int, NodeWork]:
    """By the numbers of the nodes that have some."""
    found: dict[int, NodeWork] = {}
    for row in await connection.fetch(_LEASED):
        work = found.setdefault(row["holder"], NodeWork())
        duty = duty_of(QueueName(SYSTEM, row["name"]))
        if duty is None:
            work.jobs[row["name"]] = row["items"]
        else:
            work.duties.append(duty)
    return found
