"""How many asynchronous invocations of a function run at once."""

from __future__ import annotations

import asyncio

import pytest

from nightbus.services.lambda_.invocations import useful_concurrency
from nightbus.services.lambda_.invocations.useful_concurrency import _WINDOW, FunctionLine

LEAST = 6


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(useful_concurrency, "_LEAST", LEAST)


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """None at the line, which a busy machine may hold up for as long as a function that hangs."""
    monkeypatch.setattr(useful_concurrency, "_LOOK_SECONDS", 3600.0)
    return monkeypatch


async def line_with_pace(milliseconds: float) -> FunctionLine:
    line = FunctionLine()
    for _ in range(_WINDOW):
        await line.enter()
        line.leave(milliseconds)
    return line


async def entered(line: FunctionLine, count: int) -> list[asyncio.Task[None]]:
    """Return the tasks of `count` invocations that came; those that are done were let in."""
    tasks = [asyncio.create_task(line.enter()) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def let_in(tasks: list[asyncio.Task[None]], count: int) -> None:
    """Return when exactly the first `count` were let in, which the event loop's next turns tell them."""
    await asyncio.wait_for(asyncio.gather(*tasks[:count]), 20)
    assert [task.done() for task in tasks] == [True] * count + [False] * (len(tasks) - count)


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_new_function_is_taken_for_quick_until_it_turns_out_to_be_slow() -> None:
    line = FunctionLine()
    tasks = await entered(line, 100)
    await let_in(tasks, LEAST)
    line._look_at_line()  # which does not move
    await let_in(tasks, 100)
    await let_in(await entered(line, 100), 100)


async def test_a_quick_function_runs_a_few_at_once_and_the_others_in_order() -> None:
    line = await line_with_pace(0.4)
    tasks = await entered(line, 20)
    await let_in(tasks, LEAST)
    line.leave(0.4)
    await let_in(tasks, LEAST + 1)
    line.leave(None)  # one that did not run makes room as well
    await let_in(tasks, LEAST + 2)
    await stop(tasks)


async def test_a_function_that_takes_longer_runs_more_at_once() -> None:
    tasks = await entered(await line_with_pace(10), 60)
    await let_in(tasks, 40)
    await stop(tasks)


async def test_who_comes_while_others_wait_does_not_go_before_them() -> None:
    line = await line_with_pace(0.4)
    tasks = await entered(line, LEAST + 2)
    line.leave(0.4)  # the first that waits is let in, and has not gone on yet
    tasks += await entered(line, 1)
    await let_in(tasks, LEAST + 1)
    await stop(tasks)


async def test_one_slow_invocation_is_no_pace() -> None:
    line = await line_with_pace(0.4)
    for duration in [500.0] * (_WINDOW - 1) + [0.4]:
        await line.enter()
        line.leave(duration)
    tasks = await entered(line, 20)
    await let_in(tasks, LEAST)
    await stop(tasks)


async def test_a_function_that_became_slow_runs_more_at_once() -> None:
    line = await line_with_pace(0.4)
    for _ in range(2 * _WINDOW):
        await line.enter()
        line.leave(500)
    await let_in(await entered(line, 100), 100)


async def test_those_that_wait_for_a_function_that_hangs_go_on(looks: pytest.MonkeyPatch) -> None:
    looks.setattr(useful_concurrency, "_LOOK_SECONDS", 0.1)
    tasks = await entered(await line_with_pace(0.4), 100)
    await let_in(tasks, 100)


@pytest.mark.parametrize("let_in_before", [False, True])
async def test_who_is_cancelled_leaves_its_place_to_the_next(let_in_before: bool) -> None:
    line = await line_with_pace(0.4)
    tasks = await entered(line, LEAST + 2)
    first = tasks.pop(LEAST)
    if let_in_before:
        line.leave(0.4)
        first.cancel()
    else:
        first.cancel()
        line.leave(0.4)
    await asyncio.wait([first], timeout=20)
    assert first.cancelled()
    await let_in(tasks, LEAST + 1)
    assert line._running == LEAST
    await stop(tasks)
