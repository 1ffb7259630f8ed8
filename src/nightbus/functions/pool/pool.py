"""Chooses the environment that runs the next invocation of a function: the warm one used last, else a new one.

It bounds how many there are, and ends those that nobody needs. What happens inside one is in `environment`.

Where an environment is
-----------------------
place      counted in                      comes here when             leaves it when
starting   `_starting`, `_running`         no warm one can be taken    it has started: busy. It could not: nowhere
busy       `_busy`, `_running`             `take` returns it, or asks  `give_back`: idle where it is usable and not
                                           whether it has settled      retired, else closing. Not settled: closing
idle       `_idle[key]`                    it was given back           `take`: busy. Idle for 600 s, not usable,
                                                                       retired, the oldest of a full pool, or
                                                                       memory is short: closing
provided   `provisioned`                   it was initialised, or      `take`: busy. Not wanted or not usable: closing
                                           given back
closing    `_closing`                      it is not needed            `Environment.close` has returned: nowhere

`_retired` marks busy ones that are not to become idle. The key of an idle one has the function's revision, so code or
configuration that was replaced is never run for a new invocation; `retire` only frees its processes sooner.

Invariants
----------
1. An environment has one user at a time: `take` moves it from `_idle` to `_busy` before its first `await`.
2. busy + starting + idle + provided <= _MOST. `_make_room` ends the one that idled longest, or refuses; there is no
   `await` between it and `_starting += 1`. Those that are closing are not counted: they get SIGKILL at once.
3. `_running[function]` counts what its callers have taken, or are taking, and not given back. Whenever another task
   runs, its sum is len(_busy) + _starting: each change of one is followed by the other's without an `await` between.
4. A function is refused where it has as many running as there is room left: running >= _MOST - busy - starting. One
   function alone gets half of _MOST, a second one half of what the first leaves, and so on: functions that never end
   leave room for others, however they are invoked.
5. The idle ones of a key are a stack. The one used last is used next, so that the others grow old and are ended.

What would break them: an `await` within one of the pairs above, or a caller that does not give back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import Clock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import PROVISIONED, SNAP_START, EnvironmentKey, FunctionSpec, key_of
from nightbus.functions.memory import memory_is_short
from nightbus.functions.pool.provisioned import ProvisionedEnvironments
from nightbus.functions.pool.snapshots import SnapshotEnvironments

IDLE_SECONDS = 600.0
_MOST = 200
_MOST_PROVISIONED = _MOST // 2
_SWEEP_SECONDS = 30.0
_PRESSURE_SECONDS = 2.0
_ENDED_AT_ONCE = 8

Start = Callable[[FunctionSpec], Awaitable[Environment]]


def _too_many() -> AwsError:
    fields = {"Type": "User", "Reason": "ConcurrentInvocationLimitExceeded", "retryAfterSeconds": "1"}
    return AwsError("TooManyRequestsException", "Rate Exceeded.", 429, fields=fields)


class Pool:
    """Environments by function and revision. The one used last is used next, so that the others may grow old."""

    def __init__(
        self,
        clock: Clock,
        start: Start,
        idle_seconds: float = IDLE_SECONDS,
        is_short: Callable[[], bool] = memory_is_short,
    ) -> None:
        self._clock = clock
        self._start = start
        self._idle_seconds = idle_seconds
        self._is_short = is_short
        self.provisioned = ProvisionedEnvironments(clock, start, self._end, self._room_for_provisioned)
        self.snapshots = SnapshotEnvironments(clock, start, self._end, lambda: _MOST - self._count())
        self._idle: dict[EnvironmentKey, list[Environment]] = {}
        self._busy: set[Environment] = set()
        self._running = Counter[tuple[Scope, str]]()  # busy and starting ones, by function
        self._starting = 0
        self._retired: set[Environment] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def take(self, spec: FunctionSpec) -> Environment:
        """An environment for `spec`, the caller's own until it is given back.

        Raises AwsError TooManyRequestsException when the node runs as many as it may of this function, and what
        starting an environment raises.
        """
        if self._sweeper is None:
            self.begin_sweeping()
        function = spec.scope, spec.name
        if self._running[function] >= _MOST - len(self._busy) - self._starting:
            raise _too_many()
        self._running[function] += 1
        try:
            return await self._take(spec)
        except BaseException:
            self._ended(function)
            raise

    def begin_sweeping(self) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())

    async def _take(self, spec: FunctionSpec) -> Environment:
        key = key_of(spec)
        while (warm := self._pop_warm(spec, key)) is not None:
            self._busy.add(warm)
            ready = False
            try:
                ready = warm.usable and warm.expires > self._clock.now_ms() and await warm.settled()
            finally:  # also where the caller is cancelled while it waits
                if not ready:
                    self._busy.discard(warm)
                    self._retired.discard(warm)
                    self.provisioned.lost(warm)
                    self._end(warm)
            if ready:
                return warm
        self._make_room()
        self._starting += 1
        try:
            started = await self._start(spec)
        finally:
            self._starting -= 1
        self._busy.add(started)
        return started

    def _pop_warm(self, spec: FunctionSpec, key: EnvironmentKey) -> Environment | None:
        provided = self.provisioned.take(key) if self.provisioned.targets else None
        if provided is not None:
            return provided
        idle = self._idle.get(key)
        if idle:
            return idle.pop()
        return self.snapshots.take(spec) if spec.initialization == SNAP_START else None

    def _make_room(self) -> None:
        """The one that idled longest goes when there are too many."""
        if self._count() < _MOST:
            return
        if not self._end_oldest(1):
            raise _too_many()

    def _end_oldest(self, count: int) -> int:
        """End those that idled longest, and return how many that were."""
        idle = [one for environments in self._idle.values() for one in environments]
        oldest = sorted(idle, key=lambda one: one.idle_since)[:count]
        for environment in oldest:
            self._idle[environment.key].remove(environment)
            self._end(environment)
        return len(oldest)

    def _count(self) -> int:
        idle = sum(map(len, self._idle.values()))
        return len(self._busy) + self._starting + idle + self.provisioned.waiting + self.snapshots.waiting

    def _room_for_provisioned(self) -> int:
        if self._count() >= _MOST:
            self._end_oldest(1)
        return min(_MOST - self._count(), _MOST_PROVISIONED - self.provisioned.waiting)

    def _ended(self, function: tuple[Scope, str]) -> None:
        self._running[function] -= 1
        if not self._running[function]:
            del self._running[function]

    def give_back(self, environment: Environment) -> None:
        """Once for each `take`, however the invocation ended."""
        self._busy.discard(environment)
        self._ended((environment.spec.scope, environment.spec.name))
        is_provided = environment.spec.initialization == PROVISIONED
        if is_provided and self.provisioned.give_back(environment):
            self._retired.discard(environment)
        elif environment.usable and environment not in self._retired and not is_provided:
            self._idle.setdefault(environment.key, []).append(environment)
        else:
            self._retired.discard(environment)
            self._end(environment)

    def retire(self, scope: Scope, name: str, version: str = "") -> None:
        """Idle ones of the function, or of a version, end now, busy ones when they are given back."""
        retired = (scope, name, version) if version else (scope, name)
        self.snapshots.retire(retired)
        for key in [key for key in self._idle if key[: len(retired)] == retired]:
            idle = self._idle.pop(key)
            while idle:  # a `take` that waits may look at this list again
                self._end(idle.pop())
        self._retired |= {one for one in self._busy if one.key[: len(retired)] == retired}

    def kill_busy(self, scope: Scope, name: str) -> None:
        """End the function's environments that run an invocation, which ends with them."""
        for environment in self._busy:
            if (environment.spec.scope, environment.spec.name) == (scope, name):
                environment.kill()

    def _end(self, environment: Environment) -> None:
        task = asyncio.create_task(environment.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _sweep(self) -> None:
        """End what idled too long, every half minute, and the oldest ones while memory is short, every two seconds."""
        swept = self._clock.monotonic()
        while True:
            await self._clock.sleep(_PRESSURE_SECONDS)
            if self._idle and self._is_short():
                self._end_oldest(_ENDED_AT_ONCE)
            if self._clock.monotonic() - swept >= min(_SWEEP_SECONDS, self._idle_seconds):
                swept = self._clock.monotonic()
                self._end_old()
                self.provisioned.refresh()
                self.snapshots.refresh()

    def _end_old(self) -> None:
        before = self._clock.monotonic() - self._idle_seconds
        for key, idle in list(self._idle.items()):
            for environment in [one for one in idle if one.idle_since < before or not one.usable]:
                idle.remove(environment)
                self._end(environment)
            if not idle:
                self._idle.pop(key, None)

    def specs(self) -> list[FunctionSpec]:
        """Of all environments that there are."""
        idle = [one for environments in self._idle.values() for one in environments]
        return [environment.spec for environment in (*self._busy, *idle)] + [
            *self.provisioned.specs(),
            *self.snapshots.specs(),
        ]

    def in_memory(self) -> dict[str, int]:
        frozen = sum(one.is_frozen for environments in self._idle.values() for one in environments)
        return {
            "environments frozen": frozen + self.provisioned.frozen + self.snapshots.frozen,
            "environments idle": sum(map(len, self._idle.values())),
            "environments busy": len(self._busy),
            "environments provisioned": self.provisioned.waiting,
            "environments of snapshots": self.snapshots.waiting,
            "environments retired": len(self._retired),
            "environments closing": len(self._closing),
        }

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self.provisioned.close()
        await self.snapshots.close()
        for environment in [*self._busy, *(one for idle in self._idle.values() for one in idle)]:
            self._end(environment)
        self._idle.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)
