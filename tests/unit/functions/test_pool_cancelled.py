"""Callers that go away while they wait for an environment: nothing stays taken."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from function_rig import ARN, SCOPE
from nightbus.clock import SystemClock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import FunctionSpec, key_of
from nightbus.functions.pool.pool import Pool

SPEC = FunctionSpec(
    scope=SCOPE,
    name="f",
    version="$LATEST",
    arn=ARN,
    role="arn:aws:iam::123456789012:role/r",
    runtime="python3.11",
    handler="app.handler",
    code_digest="",
    revision="1",
)


class NeverAsksAgain:
    """Stands where an environment would that does not ask for its next invocation."""

    def __init__(self) -> None:
        self.spec, self.key = SPEC, key_of(SPEC)
        self.usable = True
        self.expires = float("inf")
        self.idle_since = 0.0
        self.closed = 0
        self.given_up = asyncio.Event()

    async def settled(self) -> bool:
        await self.given_up.wait()
        return False

    async def close(self) -> None:
        self.closed += 1


class Started:
    def __init__(self) -> None:
        self.environments: list[Any] = []

    async def __call__(self, spec: FunctionSpec) -> Environment:
        self.environments.append(NeverAsksAgain())
        return cast(Environment, self.environments[-1])


@pytest.mark.parametrize("retired", [False, True])
async def test_who_waits_for_an_environment_and_goes_away_leaves_no_place_taken(retired: bool) -> None:
    started = Started()
    pool = Pool(SystemClock(), started)
    pool.give_back(await pool.take(SPEC))
    waiting = asyncio.create_task(pool.take(SPEC))
    await asyncio.sleep(0)
    if retired:
        pool.retire(SCOPE, "f")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert set(pool.in_memory().values()) == {0}
    assert started.environments[0].closed == 1
    await pool.close()


async def test_what_was_retired_is_ended_once_though_somebody_looks_for_an_idle_one() -> None:
    started = Started()
    pool = Pool(SystemClock(), started)
    for environment in [await pool.take(SPEC), await pool.take(SPEC)]:
        pool.give_back(environment)
    waiting = asyncio.create_task(pool.take(SPEC))
    await asyncio.sleep(0)
    pool.retire(SCOPE, "f")
    for one in started.environments:
        one.given_up.set()
    pool.give_back(await waiting)
    await pool.close()
    assert [one.closed for one in started.environments] == [1, 1, 1]
