"""A process that is a node of a database, without a store: it leases the items of queue 7 that nobody has, each second.

`python -m postgres_node_process URL SCHEMA POLLS NAME` prints its number whenever it has a new one, and writes the log
to the standard error.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from nightbus.clock import SystemClock
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.feed import Changes
from nightbus.store.postgres.link import Link
from nightbus.store.postgres.nodes import Nodes, Presence

LEASE = "UPDATE item SET holder = $1, token = $1, ready = due + 60000 WHERE queue = 7 AND ready = due RETURNING id"


async def main(url: str, schema: str, polls: str, name: str) -> None:
    database = Database(url, schema, polls=polls == "True")
    link = Link(database)
    changes = Changes(link, database)
    await changes.open()
    nodes = Nodes(link, changes, database, SystemClock(), Presence(name, "1"))
    await nodes.open()
    leasing = await database.connect()
    number = 0
    while True:
        if nodes.id != number:
            number = nodes.id
            print(number, flush=True)
        taken = await leasing.fetch(LEASE, nodes.id)
        for row in taken:
            print(f"item {row['id']}", flush=True)
        await asyncio.sleep(0.05)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main(*sys.argv[1:]))
