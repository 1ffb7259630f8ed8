"""Starts an environment of each function that a deployment makes, while the deployment goes on.

A test asks for it (`deploy(warm=True)`): the first invocations then find an environment that is initialised. It is not
the default, since a function that reads something while it is imported may need what the test makes later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nightbus.aws.calls import Scope
from nightbus.functions.runner import Runner
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.running import spec_of
from nightbus.services.lambda_.lifecycle.states import is_settled
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import FUNCTION, as_version
from nightbus.store.interface import Touched

log = logging.getLogger("nightbus.testing")
_AT_ONCE = 2  # as many as two cores run


class Warming:
    """`under_way`: how many functions are looked at, or have an environment that is being initialised."""

    def __init__(self, platform: Platform, functions: Runner) -> None:
        self._platform = platform
        self._functions = functions
        self._accounts: set[str] = set()
        self._unwatch: Callable[[], None] | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun: set[tuple[Scope, str, str]] = set()  # with the revision

    @property
    def under_way(self) -> int:
        return len(self._tasks)

    def begin(self, account: str) -> None:
        """Warm what becomes active in the account from now on."""
        self._accounts.add(account)
        if self._unwatch is None:
            self._unwatch = self._platform.store.watch(self._note, (FUNCTION,))

    def end(self, account: str) -> None:
        self._accounts.discard(account)
        if not self._accounts and self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
            self._begun.clear()

    def _note(self, touched: Touched | None) -> None:
        for one in () if touched is None else touched.records:
            if one.kind == FUNCTION and one.scope.account in self._accounts:
                task = asyncio.get_running_loop().create_task(self._warm(one.scope, one.key))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _warm(self, scope: Scope, name: str) -> None:
        """Whatever goes wrong, the first invocation says so."""
        try:
            record = await self._platform.store.get(scope, FUNCTION, name)
            if record is None or not is_settled(record.value["latest"]["config"]):
                return
            latest = as_version(record.value["latest"])
            which = scope, name, latest["config"]["RevisionId"]
            if which not in self._begun:
                self._begun.add(which)
                async with self._slots:
                    spec = await spec_of(self._platform, FunctionRef(scope, name), latest)
                    await self._functions.warm(spec)
        except Exception as failure:
            log.info("%s is not warm: %s", name, failure)
