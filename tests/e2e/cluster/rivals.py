"""Another client of the nodes' database, whose transactions collide with theirs."""

from __future__ import annotations

import asyncio
import random
import threading

import asyncpg

# Queues, which each event's commit locks one after the other. The stacks of a long run leave hundreds of other names,
# on which nobody would meet, and a log would keep all nodes out before they hold anything.
_PICK = "SELECT id FROM name WHERE kind = 'queue' AND name LIKE 'sqs/%' ORDER BY random() LIMIT 3"
_LOCK = "SELECT 1 FROM name WHERE id = $1 FOR UPDATE"


class Deadlocks:
    """Locks names, one after the other, in an order that is not the nodes'. `broken` counts deadlocks it lost."""

    def __init__(self, url: str) -> None:
        self.broken = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(url)), daemon=True)
        self._thread.start()

    async def _run(self, url: str) -> None:
        connection = await asyncpg.connect(url, server_settings={"search_path": "nightbus"})
        while not self._over.is_set():
            try:
                async with connection.transaction():
                    names = sorted((row["id"] for row in await connection.fetch(_PICK)), reverse=True)
                    for name in names:
                        await connection.execute(_LOCK, name)
                        await asyncio.sleep(random.random() * 0.05)
            except asyncpg.DeadlockDetectedError:
                self.broken += 1
            await asyncio.sleep(0.01)
        await connection.close()

    def end(self) -> None:
        self._over.set()
        self._thread.join(30)
