"""Forgets the numbers of a function that was deleted, so that what was made and deleted leaves nothing."""

from __future__ import annotations

import asyncio

from nightbus.aws.calls import Scope
from nightbus.counters import Counters
from nightbus.services.lambda_.names import function_arn
from nightbus.services.lambda_.records import FUNCTION
from nightbus.store.interface import Store, Touched


class CountedFunctions:
    """Follows the records of functions by the store's feed, whose listeners must not wait: a task looks."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self._looking: set[asyncio.Task[None]] = set()
        store.watch(self._touched, [FUNCTION])

    def _touched(self, touched: Touched | None) -> None:
        for name in touched.records if touched is not None else ():
            if function_arn(name.scope, name.key) in self._counters.functions:
                task = asyncio.get_running_loop().create_task(self._look(name.scope, name.key))
                self._looking.add(task)
                task.add_done_callback(self._looking.discard)

    async def _look(self, scope: Scope, name: str) -> None:
        if await self._store.get(scope, FUNCTION, name) is None:
            self._counters.forget_function(function_arn(scope, name))
