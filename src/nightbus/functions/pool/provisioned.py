"""Keeps environments initialised before anybody invokes their function: provisioned concurrency.

Each version of a function that is to have some has a target: how many. Tasks start environments until there are as
many, and begin again when one ends. An environment that could not be initialised is tried again after a pause, which
grows up to a minute. The pool takes these environments first, and gives them back here.

Only `Pool` calls this module, and counts its environments among its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from nightbus.clock import Clock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import (
    PROVISIONED,
    EnvironmentKey,
    FunctionSpec,
    ProvisionedState,
    ProvisionedTarget,
    key_of,
)
from nightbus.functions.outcomes import EnvironmentEnded

log = logging.getLogger("nightbus.functions")

_INIT_SECONDS = 900.0  # as on AWS; on demand it is 10 s
_AT_ONCE = 4
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_INIT_FAILED = "FUNCTION_ERROR_INIT_FAILURE"
_NO_ROOM = "The node has no room for as many environments."


@dataclass(eq=False)
class _Target:
    """`alive` counts those that are initialised, busy ones included; `starting` those that are not yet."""

    spec: FunctionSpec
    count: int
    idle: list[Environment] = field(default_factory=list)
    alive: set[Environment] = field(default_factory=set)
    starting: int = 0
    failure: str = ""
    pause: float = _FIRST_PAUSE
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def missing(self) -> int:
        return self.count - len(self.alive) - self.starting


class ProvisionedEnvironments:
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
        self.targets: dict[EnvironmentKey, _Target] = {}

    def set_targets(self, wanted: Sequence[ProvisionedTarget]) -> None:
        """Have these, and no others. A target that is left out ends: its idle environments now, busy ones when they are
        given back."""
        specs = {key_of(one.spec): one for one in wanted if one.count > 0}
        for key in [key for key in self.targets if key not in specs]:
            self._drop(self.targets.pop(key))
        for key, one in specs.items():
            target = self.targets.get(key)
            if target is None:
                spec = replace(one.spec, initialization=PROVISIONED)
                target = self.targets[key] = _Target(spec, one.count)
            elif target.count != one.count:
                target.count, target.failure = one.count, ""
            while len(target.alive) > target.count and target.idle:
                self._lose(target, target.idle.pop())
            self._fill(target)

    def take(self, key: EnvironmentKey) -> Environment | None:
        """An idle environment that can be invoked, now the caller's."""
        target = self.targets.get(key)
        while target is not None and target.idle:
            environment = target.idle.pop()
            if self._is_good(environment):
                return environment
            self._lose(target, environment)
            self._fill(target)
        return None

    def give_back(self, environment: Environment) -> bool:
        """Whether the environment is kept. One that is not is the caller's to end."""
        target = self.targets.get(environment.key)
        if target is None or environment not in target.alive:
            return False
        if self._is_good(environment) and len(target.alive) <= target.count:
            target.idle.append(environment)
            return True
        target.alive.discard(environment)
        self._fill(target)
        return False

    def lost(self, environment: Environment) -> None:
        """It was taken, and cannot be invoked; the caller ends it."""
        target = self.targets.get(environment.key)
        if target is not None and environment in target.alive:
            target.alive.discard(environment)
            self._fill(target)

    def refresh(self) -> None:
        """Replace idle environments whose process has ended, or whose credentials will."""
        for target in self.targets.values():
            for environment in [one for one in target.idle if not self._is_good(one)]:
                target.idle.remove(environment)
                self._lose(target, environment)
            self._fill(target)

    def state(self, key: EnvironmentKey) -> ProvisionedState:
        target = self.targets.get(key)
        if target is None:
            return ProvisionedState(0, 0, "")
        return ProvisionedState(len(target.alive) + target.starting, len(target.alive), target.failure)

    @property
    def waiting(self) -> int:
        """How many are idle, or are being started."""
        return sum(len(target.idle) + target.starting for target in self.targets.values())

    @property
    def frozen(self) -> int:
        return sum(one.is_frozen for target in self.targets.values() for one in target.idle)

    def specs(self) -> list[FunctionSpec]:
        return [target.spec for target in self.targets.values()]

    async def close(self) -> None:
        """The pool ends the environments that this leaves idle."""
        targets = list(self.targets.values())
        self.targets.clear()
        for target in targets:
            self._drop(target)
        tasks = [task for target in targets for task in target.tasks]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_good(self, environment: Environment) -> bool:
        return environment.usable and environment.expires > self._clock.now_ms()

    def _drop(self, target: _Target) -> None:
        target.count = 0
        for task in target.tasks:
            task.cancel()
        while target.idle:
            self._lose(target, target.idle.pop())

    def _lose(self, target: _Target, environment: Environment) -> None:
        target.alive.discard(environment)
        self._end(environment)

    def _fill(self, target: _Target) -> None:
        for _ in range(min(target.missing, _AT_ONCE - len(target.tasks))):
            task = asyncio.create_task(self._start_missing(target))
            target.tasks.add(task)
            task.add_done_callback(target.tasks.discard)

    async def _start_missing(self, target: _Target) -> None:
        while target.missing > 0:
            failure = await self._start_one(target)
            if failure:
                target.failure, pause = failure, target.pause
                target.pause = min(pause * 2, _LONGEST_PAUSE)
                await self._clock.sleep(pause)
            else:
                target.failure, target.pause = "", _FIRST_PAUSE

    async def _start_one(self, target: _Target) -> str:
        """Why it failed, or ""."""
        if self._room() <= 0:
            return _NO_ROOM
        target.starting += 1
        environment: Environment | None = None
        try:
            environment = await self._start(target.spec)
            await environment.initialised("", _INIT_SECONDS)
            target.alive.add(environment)
            target.idle.append(environment)
            environment = None
            return ""
        except EnvironmentEnded as ended:
            log.warning("%s could not be initialised: %s", target.spec.arn, ended.error_type)
            return _INIT_FAILED
        except Exception as error:
            log.exception("no environment of %s could be started", target.spec.arn)
            return str(error)
        finally:
            target.starting -= 1
            if environment is not None:
                with contextlib.suppress(Exception):
                    self._end(environment)
