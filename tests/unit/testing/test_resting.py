"""The loop says when it has nothing to do; threads, and what the node counts, keep it from resting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from nightbus.node.virtual_time.resting import Resting
from nightbus.node.virtual_time.resting_loop import RestingLoop


class Counted:
    """Is busy as long as `counts` has something, and hurries once for each of `hurries`."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.hurries = 0

    def under_way(self) -> dict[str, int]:
        return self.counts

    def hurry(self) -> bool:
        self.hurries -= 1
        return self.hurries >= 0


def run(test: Callable[[Resting, Counted], Awaitable[None]]) -> None:
    async def main() -> None:
        loop, busy = asyncio.get_running_loop(), Counted()
        assert isinstance(loop, RestingLoop)
        await test(Resting(loop, busy), busy)

    with asyncio.Runner(loop_factory=RestingLoop) as runner:
        runner.run(main())


def test_an_idle_loop_rests_at_once() -> None:
    async def test(resting: Resting, _: Counted) -> None:
        assert await resting.wait(5) == {}

    run(test)


def test_without_time_it_says_whether_it_rests_now() -> None:
    async def test(resting: Resting, busy: Counted) -> None:
        assert await resting.wait(0) == {}
        busy.counts = {"commits": 1}
        assert await resting.wait(0) == {"commits": 1}
        busy.counts = {}
        assert await resting.wait(0) == {}

    run(test)


def test_a_loop_that_is_never_idle_is_not_waited_for_without_end() -> None:
    async def test(resting: Resting, _: Counted) -> None:
        async def work() -> None:
            while True:
                await asyncio.sleep(0)

        task = asyncio.create_task(work())
        assert await asyncio.wait_for(resting.wait(0), 60) == {"callbacks": 1}
        task.cancel()

    run(test)


def test_callbacks_that_lead_to_callbacks_are_waited_for() -> None:
    async def test(resting: Resting, _: Counted) -> None:
        steps: list[int] = []

        async def work() -> None:
            for step in range(200):
                await asyncio.sleep(0)
                steps.append(step)

        task = asyncio.create_task(work())
        assert await resting.wait(5) == {}
        assert task.done()
        assert len(steps) == 200

    run(test)


def test_threads_are_waited_for() -> None:
    async def test(resting: Resting, _: Counted) -> None:
        goes_on = threading.Event()
        task = asyncio.create_task(asyncio.to_thread(goes_on.wait))
        left = await resting.wait(0.05)
        assert left == {"threads": 1}
        asyncio.get_running_loop().call_later(0.05, goes_on.set)
        assert await resting.wait(5) == {}
        assert task.done()

    run(test)


def test_what_the_node_counts_is_waited_for_and_named_when_it_takes_too_long() -> None:
    async def test(resting: Resting, busy: Counted) -> None:
        busy.counts = {"lambda/async": 2}
        assert await resting.wait(0.05) == {"lambda/async": 2}
        asyncio.get_running_loop().call_later(0.05, busy.counts.clear)
        assert await resting.wait(5) == {}

    run(test)


def test_a_timer_is_not_work() -> None:
    async def test(resting: Resting, _: Counted) -> None:
        sleeping = asyncio.create_task(asyncio.sleep(60))
        assert await resting.wait(5) == {}
        assert not sleeping.done()
        sleeping.cancel()

    run(test)


def test_what_only_pauses_is_hurried() -> None:
    async def test(resting: Resting, busy: Counted) -> None:
        busy.hurries = 3
        assert await resting.wait(5) == {}
        assert busy.hurries == -1

    run(test)


def test_two_wait_at_once() -> None:
    async def test(resting: Resting, busy: Counted) -> None:
        busy.counts = {"running functions": 1}
        waiting = [asyncio.create_task(resting.wait(5)) for _ in range(2)]
        asyncio.get_running_loop().call_later(0.05, busy.counts.clear)
        assert await asyncio.gather(*waiting) == [{}, {}]

    run(test)
