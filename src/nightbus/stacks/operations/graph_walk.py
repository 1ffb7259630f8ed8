"""Carries out many steps at once, each after those that it needs; a failure stops what has not begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nightbus.stacks.templates.graph import Graph

MOST_AT_ONCE = 32

Step = Callable[[str], Awaitable[bool]]


@dataclass
class Walked:
    """`untouched` were never begun, because something before them failed or the walk was told to stop."""

    failed: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)


async def walk(
    graph: Graph, step: Step, *, stopped: Callable[[], bool] = lambda: False, go_on: bool = False
) -> Walked:
    """Run `step` (True: done) for every name. `go_on`: a failure only holds up those that need the failed one.

    Steps that have begun are always waited for; none is cancelled unless the walk itself is.
    """
    result = Walked(untouched=list(graph))
    done: set[str] = set()
    running: dict[asyncio.Task[bool], str] = {}
    try:
        while True:
            if not stopped() and (go_on or not result.failed):
                _begin(graph, step, done, result, running)
            if not running:
                return result
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                name = running.pop(task)
                (done.add if task.result() else result.failed.append)(name)
    finally:
        await _cancel(list(running))


def _begin(
    graph: Graph, step: Step, done: set[str], result: Walked, running: dict[asyncio.Task[bool], str]
) -> None:
    ready = [name for name in result.untouched if graph[name] <= done]
    for name in ready[: MOST_AT_ONCE - len(running)]:
        result.untouched.remove(name)
        running[asyncio.ensure_future(step(name))] = name


async def _cancel(tasks: list[asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
