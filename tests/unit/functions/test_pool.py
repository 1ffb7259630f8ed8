"""The pool counts its environments whatever becomes of those who ask for one."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from function_rig import SCOPE
from nightbus.clock import SystemClock
from nightbus.functions.environment import Environment
from nightbus.functions.interface import FunctionSpec, key_of
from nightbus.functions.pool.pool import Pool

SPEC = FunctionSpec(
    scope=SCOPE, name="f", version="$LATEST", arn="arn", role="role", runtime="python3.11", handler="app.handler",
    code_digest="d", revision="1",
)  # fmt: skip


class Settling:
    """An environment that is not ready for the next invocation until it is let go on."""

    def __init__(self) -> None:
        self.spec, self.key = SPEC, key_of(SPEC)
        self.usable = True
        self.expires = float("inf")
        self.idle_since = 0.0
        self.closed = asyncio.Event()
        self.go_on = asyncio.Event()

    async def settled(self) -> bool:
        await self.go_on.wait()
        return True

    async def close(self) -> None:
        self.closed.set()


async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_place() -> None:
    made: list[Settling] = []

    async def start(spec: FunctionSpec) -> Environment:
        made.append(Settling())
        return cast(Environment, cast(Any, made[-1]))

    pool = Pool(SystemClock(), start)
    pool.give_back(await pool.take(SPEC))
    waiting = asyncio.create_task(pool.take(SPEC))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(made[0].closed.wait(), 20)
    assert pool._running == {}
    assert pool._busy == set()
    await pool.take(SPEC)
    assert len(made) == 2
    await pool.close()
