"""Controls a node's time for a test: waits until the node rests, lets time pass, and forgets an account.

Time passes in steps. Each goes to the next time at which something is due, and ends when the node rests again, so that
what is due happens in order and sees the time at which it was due. What is done by a period is done once an hour, and
at the end: to stop for each of its times would make thousands of steps of a day.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from nightbus.audit.trail import Trail
from nightbus.aws.calls import Scope
from nightbus.clock import SteppedClock
from nightbus.faults import Faults
from nightbus.functions.runner import Runner
from nightbus.node.virtual_time.kept_transforms import KeptTransforms
from nightbus.node.virtual_time.resting import Resting
from nightbus.node.virtual_time.resting_loop import RestingLoop
from nightbus.node.virtual_time.warming import Warming
from nightbus.services.context import Platform
from nightbus.services.lambda_.records import FUNCTION
from nightbus.stacks.templates.sam import SamTransform, transform_sam
from nightbus.store.interface import Store
from nightbus.store.sqlite.store import SqliteStore

_PERIOD_MS = 3600_000  # what wakes by a period, such as retention, does so once an hour at most


class StillBusy(Exception):
    """The node did not come to rest in time. `left` is what it was at, by name."""

    def __init__(self, left: dict[str, int]) -> None:
        super().__init__(", ".join(f"{count} × {name}" for name, count in sorted(left.items())))
        self.left = left


class VirtualTime:
    """`start_ms`: UTC at which the clock stands at first. `cache`: a folder that keeps results of the SAM transform and
    unpacked packages for further nodes; without one they are not kept."""

    def __init__(self, loop: RestingLoop, start_ms: int, cache: Path | None = None) -> None:
        self.clock = SteppedClock(start_ms)
        self.transform_sam: SamTransform = transform_sam if cache is None else KeptTransforms(cache).transform
        self.kept_packages = None if cache is None else cache / "unpacked"
        self.faults = Faults()
        self._loop = loop
        self._one_at_a_time = asyncio.Lock()

    def attach(self, store: Store, platform: Platform, functions: Runner, trail: Trail) -> None:
        """Once the node has its parts."""
        assert isinstance(store, SqliteStore)  # a node of virtual time shares its store with no other
        self._store = store
        self._platform = platform
        self._functions = functions
        self._trail = trail
        self._resting = Resting(self._loop, self)
        self.warming = Warming(platform, functions)

    def under_way(self) -> dict[str, int]:
        counts = self._store.under_way()
        for (scope, name), count in self._platform.running.by_function().items():
            counts[f"running function {name} (account {scope.account}, {scope.region})"] = count
        others = {
            "extensions after an invocation": self._functions.finishing,
            "functions that start before their invocations": self.warming.under_way,
        }
        return counts | {name: count for name, count in others.items() if count}

    def hurry(self) -> bool:
        return self._trail.hurry()

    async def settle(self, seconds: float) -> None:
        """Return when the node rests. Raises StillBusy after `seconds`."""
        left = await self._resting.wait(seconds)
        if left:
            raise StillBusy(left)

    async def advance(self, by_ms: int, seconds: float) -> None:
        """Let `by_ms` pass. Raises StillBusy where a step takes longer than `seconds` of real time: it is as late
        then as that step was to make it."""
        async with self._one_at_a_time:
            end = self.clock.now_ms() + by_ms
            await self.settle(seconds)
            periodic = self.clock.now_ms() + _PERIOD_MS
            while self.clock.now_ms() < end:
                due = self._store.next_time()
                self._jump(end if due is None else min(due, end))
                if self.clock.now_ms() >= min(periodic, end):
                    self.clock.wake_sleepers()
                    periodic = self.clock.now_ms() + _PERIOD_MS
                await self.settle(seconds)

    def _jump(self, to_ms: int) -> None:
        by_ms = to_ms - self.clock.now_ms()
        self.clock.jump(to_ms)
        self._store.jumped(by_ms)

    async def forget_account(self, account: str) -> None:
        """Delete everything of an account; what runs for it is ended."""
        self.faults.clear(account)
        for scope in await self._store.scopes(FUNCTION):
            if scope.account == account:
                await self._end_functions(scope)
        await self._store.forget_account(account)

    async def _end_functions(self, scope: Scope) -> None:
        for record in await self._store.list(scope, FUNCTION):
            self._functions.end(scope, record.key)
