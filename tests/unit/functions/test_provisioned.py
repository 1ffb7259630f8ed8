"""The pool has as many provisioned environments as it is to have, whatever becomes of single ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from function_rig import ARN, SCOPE
from nightbus.clock import VirtualClock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import PROVISIONED, FunctionSpec, ProvisionedTarget, key_of
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
        self.closed = False
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
        self.memory_is_short = False
        self.pool = Pool(self.clock, self._start, is_short=lambda: self.memory_is_short)

    async def _start(self, spec: FunctionSpec) -> Environment:
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


async def test_they_are_taken_first_and_given_back_and_others_spill_over() -> None:
    world = World()
    await world.provision(1)
    assert [one.spec for one in world.made] == [replace(SPEC, initialization=PROVISIONED)]
    first, other = await world.pool.take(SPEC), await world.pool.take(SPEC)
    assert (first.spec.initialization, other.spec.initialization) == (PROVISIONED, "on-demand")
    world.pool.give_back(other)
    world.pool.give_back(first)
    assert await world.pool.take(SPEC) is first
    await world.pool.close()
    await world.go_on()
    assert world.open == []


async def test_one_that_ends_is_replaced() -> None:
    world = World()
    await world.provision(2)
    world.made[0].usable = False
    await world.pass_time(31)
    assert (world.available, len(world.open)) == (2, 2)
    taken = await world.pool.take(SPEC)
    cast(Any, taken).usable = False
    world.pool.give_back(taken)
    await world.go_on()
    assert (world.available, len(world.open)) == (2, 2)
    await world.pool.close()


async def test_what_is_not_wanted_any_more_ends() -> None:
    world = World()
    await world.provision(3)
    taken = await world.pool.take(SPEC)
    await world.provision(1)
    assert len(world.open) == 1
    await world.provision(0)
    assert len(world.open) == 1  # the one that is busy
    world.pool.give_back(taken)
    await world.go_on()
    assert world.open == []
    assert world.pool.in_memory()["environments provisioned"] == 0
    await world.pool.close()


async def test_a_failure_is_told_and_tried_again() -> None:
    world = World()
    world.failure = "Runtime.ImportModuleError"
    await world.provision(1)
    assert world.pool.provisioned.state(key_of(SPEC)) == (0, 0, "FUNCTION_ERROR_INIT_FAILURE")
    assert world.open == []
    world.failure = ""
    await world.pass_time(1.1)
    assert world.pool.provisioned.state(key_of(SPEC)) == (1, 1, "")
    await world.pool.close()


async def test_a_change_of_the_newest_code_leaves_versions_alone() -> None:
    world = World()
    await world.provision(1)
    idle = await world.pool.take(replace(SPEC, version="$LATEST"))
    world.pool.give_back(idle)
    world.pool.retire(SCOPE, "f", "$LATEST")
    await world.go_on()
    assert [one.spec.version for one in world.open] == ["1"]
    await world.pool.close()


async def test_idle_environments_go_while_memory_is_short_and_provisioned_ones_stay() -> None:
    world = World()
    await world.provision(1)
    taken = [await world.pool.take(replace(SPEC, version="2")) for _ in range(10)]
    for one in taken:
        world.pool.give_back(one)
    world.memory_is_short = True
    await world.pass_time(2.1)
    assert world.pool.in_memory()["environments idle"] == 2
    await world.pass_time(2.1)
    assert world.pool.in_memory()["environments idle"] == 0
    assert world.available == 1
    await world.pool.close()
