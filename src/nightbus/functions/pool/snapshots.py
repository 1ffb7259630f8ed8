"""Keeps one environment of each version with SnapStart initialised ahead, in the place of AWS's snapshot.

A process cannot be copied here as AWS copies a snapshot of a whole machine. So an environment is initialised ahead, its
hooks for the time before the snapshot included, and waits. An invocation takes it, which restores it, and the next one
is initialised meanwhile. An invocation that finds none initialises one for itself.

Only `Pool` calls this module, and counts its environments among its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nightbus.clock import Clock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import EnvironmentKey, FunctionSpec, key_of
from nightbus.functions.outcomes import EnvironmentEnded

log = logging.getLogger("nightbus.functions")

_INIT_SECONDS = 130.0  # as on AWS: the longest of 130 s and the function's time limit
_MOST_READY = 32


@dataclass(eq=False)
class _Making:
    key: EnvironmentKey
    is_retired: bool = False


class SnapshotEnvironments:
    """`start` makes an environment, `end` closes one, and `room` says how many more there may be."""

    def __init__(
        self,
        clock: Clock,
        start: Callable[[FunctionSpec], Awaitable[Environment]],
        end: Callable[[Environment], None],
        room: Callable[[], int],
    ) -> None:
        self._clock = clock
        self._start = start
        self._end = end
        self._room = room
        self._ready: dict[EnvironmentKey, Environment] = {}  # the one made last is the last
        self._making: dict[EnvironmentKey, asyncio.Task[None]] = {}  # those that nobody waits for
        self._under_way: set[_Making] = set()
        self._is_closed = False

    async def make(self, spec: FunctionSpec) -> None:
        """Have an environment ready. Raises EnvironmentEnded where it cannot be initialised, and what starting it
        raises."""
        making = _Making(key_of(spec))
        self._under_way.add(making)
        try:
            environment = await self._start(spec)
            try:
                await environment.initialised("", max(_INIT_SECONDS, spec.timeout))
            except BaseException:
                self._end(environment)
                raise
        finally:
            self._under_way.discard(making)
        if self._is_closed or making.is_retired:
            self._end(environment)
            return
        former = self._ready.pop(making.key, None)
        if former is not None:
            self._end(former)
        self._ready[making.key] = environment
        while len(self._ready) > _MOST_READY:
            self._end(self._ready.pop(next(iter(self._ready))))

    def take(self, spec: FunctionSpec) -> Environment | None:
        """The environment that is ready, now the caller's. Another one is made in its place."""
        key = key_of(spec)
        environment = self._ready.pop(key, None)
        if key not in self._making and not self._is_closed and self._room() > 0:
            task = self._making[key] = asyncio.create_task(self._make_another(spec))
            task.add_done_callback(lambda _: self._making.pop(key, None))
        if environment is not None and not self._is_good(environment):
            self._end(environment)
            return None
        return environment

    async def _make_another(self, spec: FunctionSpec) -> None:
        try:
            await self.make(spec)
        except EnvironmentEnded as ended:
            log.warning("%s could not be initialised: %s", spec.arn, ended.error_type)
        except Exception:
            log.exception("no environment of %s could be started", spec.arn)

    def _is_good(self, environment: Environment) -> bool:
        return environment.usable and environment.expires > self._clock.now_ms()

    def retire(self, retired: tuple[object, ...]) -> None:
        """End those whose keys begin so; one that is being made, as soon as it is initialised."""
        for key in [key for key in self._ready if key[: len(retired)] == retired]:
            self._end(self._ready.pop(key))
        for key, task in self._making.items():
            if key[: len(retired)] == retired:
                task.cancel()
        for making in self._under_way:
            making.is_retired |= making.key[: len(retired)] == retired

    def refresh(self) -> None:
        """End those whose process has ended, or whose credentials will."""
        for key in [key for key, one in self._ready.items() if not self._is_good(one)]:
            self._end(self._ready.pop(key))

    @property
    def waiting(self) -> int:
        """How many are ready, or are being made."""
        awaited = sum(one.key not in self._making for one in self._under_way)
        return len(self._ready) + len(self._making) + awaited

    @property
    def frozen(self) -> int:
        return sum(one.is_frozen for one in self._ready.values())

    def specs(self) -> list[FunctionSpec]:
        return [one.spec for one in self._ready.values()]

    async def close(self) -> None:
        self._is_closed = True
        for task in self._making.values():
            task.cancel()
        await asyncio.gather(*self._making.values(), return_exceptions=True)
        for environment in self._ready.values():
            self._end(environment)
        self._ready.clear()
