"""A pool of environments that have no process and are made at once, in virtual time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from function_rig import ARN, SCOPE
from nightbus.clock import VirtualClock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import FunctionSpec, ProvisionedTarget, key_of
from nightbus.functions.outcomes import EnvironmentEnded
from nightbus.functions.pool.pool import Pool

SPEC = FunctionSpec(
    scope=SCOPE, name="f", version="1", arn=ARN, role="role", runtime="python3.11", handler="app.handler",
    code_digest="d", revision="1",
)  # fmt: skip


class Made:
    def __init__(self, spec: FunctionSpec, failure: str) -> None:
        self.spec, self.key = spec, key_of(spec)
        self.usable = True
        self.expires = float("inf")
        self.idle_since = 0.0
        self.closed = self.is_frozen = False
        self._failure = failure

    async def initialised(self, request_id: str, seconds: float | None = None) -> None:
        if self._failure:
            raise EnvironmentEnded(self._failure, "")

    async def settled(self) -> bool:
        return self.usable

    async def close(self) -> None:
        self.closed = True


class World:
    """A pool whose environments are made at once; `failure` is what the next ones end with."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.made: list[Made] = []
        self.failure = ""
        self.begins: asyncio.Event | None = None  # what an environment waits for before it begins
        self.memory_is_short = False
        self.pool = Pool(self.clock, self._start, is_short=lambda: self.memory_is_short)

    async def _start(self, spec: FunctionSpec) -> Environment:
        if self.begins is not None:
            await self.begins.wait()
        self.made.append(Made(spec, self.failure))
        return cast(Environment, cast(Any, self.made[-1]))

    async def provision(self, count: int) -> None:
        self.pool.begin_sweeping()
        self.pool.provisioned.set_targets([ProvisionedTarget(SPEC, count)] if count else [])
        await self.go_on()

    async def go_on(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.go_on()

    @property
    def available(self) -> int:
        return self.pool.provisioned.state(key_of(SPEC)).available

    @property
    def open(self) -> list[Made]:
        return [one for one in self.made if not one.closed]
