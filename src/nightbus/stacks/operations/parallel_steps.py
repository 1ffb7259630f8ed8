"""Runs the steps of a graph concurrently, each after the steps that it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from nightbus.stacks.templates.graph import Graph

MOST_AT_ONCE = 32

Step = Callable[[str], Awaitable[bool]]


@dataclass
class StepResults:
    """The names of failed steps, and of `untouched` ones that never began, after a failure or because of `stopped`."""

    failed: list[str] = field(default_factory=list)
    untouched: list[str] = field(default_factory=list)


async def run_steps(
    graph: Graph, step: Step, *, stopped: Callable[[], bool] = lambda: False, go_on: bool = False
) -> StepResults:
    """Run `step`, which returns whether it succeeded, for every name of the graph; at most MOST_AT_ONCE at a time.

    After a failure no further step begins; with `go_on` only those that need the failed one do not. No step begins once
    `stopped` returns True. Steps that have begun are waited for, and cancelled only if the caller is.
    """
    result = StepResults(untouched=list(graph))
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
    graph: Graph, step: Step, done: set[str], result: StepResults, running: dict[asyncio.Task[bool], str]
) -> None:
    ready = [name for name in result.untouched if graph[name] <= done]
    for name in ready[: MOST_AT_ONCE - len(running)]:
        result.untouched.remove(name)
        running[asyncio.ensure_future(step(name))] = name


async def _cancel(tasks: list[asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
