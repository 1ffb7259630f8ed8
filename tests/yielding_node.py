"""Runs `nightbus` over a store that lets others go on before and after each of its calls, many times.

What relies on nothing happening between two calls of the store fails on it. `NIGHTBUS_TEST_YIELDS=1` makes every
`RunningNode` one of these.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import random
from pathlib import Path
from typing import Any

from nightbus.clock import Clock
from nightbus.store.sqlite.store import SqliteStore

_MOST_TURNS = 5
_LEASING = ("lease", "lease_one")


async def _let_others_go_on() -> None:
    for _ in range(random.randrange(_MOST_TURNS)):
        await asyncio.sleep(0)


class YieldingStore:
    """A store whose every call takes several turns of the event loop."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not inspect.iscoroutinefunction(found):
            return found

        @functools.wraps(found)
        async def yielding(*args: Any, **options: Any) -> Any:
            await _let_others_go_on()
            result = await found(*args, **options)
            if name not in _LEASING:  # who is cancelled after a lease would have taken it for nobody
                await _let_others_go_on()
            return result

        setattr(self, name, yielding)
        return yielding


def main() -> None:
    import nightbus.node.node as node
    from nightbus.cli.main import main as run

    open_store = SqliteStore.open

    class Yielding:
        @staticmethod
        def open(folder: Path, clock: Clock, durable: bool = True) -> YieldingStore:
            return YieldingStore(open_store(folder, clock, durable))

    node.__dict__["SqliteStore"] = Yielding
    run()


if __name__ == "__main__":
    main()
