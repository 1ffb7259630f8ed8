"""Keeps what the node counted in the last hour, a sample each ten seconds, for charts.

It begins with the node, so that whoever looks for the first time sees the hour before: a sample takes 2 microseconds.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nightbus.node.node import Node

STEP_SECONDS = 10
_MOST = 361  # an hour, and the sample before it
_COUNTED = "_total"


class Sample(NamedTuple):
    time: int  # UTC ms
    values: Mapping[str, float]


class Series(NamedTuple):
    """`times` are the ends of the steps (UTC ms). `values`: of what is counted the growth in each step, of anything
    else its value at the end."""

    times: list[int]
    values: list[float]


class Samples:
    """The task ends with the node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._samples: deque[Sample] = deque(maxlen=_MOST)
        self.take()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="samples for charts")

    async def _run(self) -> None:
        while not self.node.ending.is_set():
            try:
                await asyncio.wait_for(self.node.ending.wait(), STEP_SECONDS)
            except TimeoutError:
                self.take()

    def take(self) -> None:
        self._samples.append(Sample(self.node.clock.now_ms(), self.now()))

    def now(self) -> dict[str, float]:
        """What is counted up to now, and what is under way."""
        platform = self.node.platform
        return {
            **self.node.counters.snapshot(),
            "nightbus_invocations_running": platform.running.count,
        }

    def series(self, name: str, seconds: int) -> Series | None:
        """None for a name that nothing is counted under."""
        if name not in self._samples[-1].values:
            return None
        begin = self._samples[-1].time - seconds * 1000
        kept = [one for one in self._samples if one.time >= begin]
        if not name.endswith(_COUNTED):
            return Series([one.time for one in kept], [one.values[name] for one in kept])
        before = next((one for one in reversed(self._samples) if one.time < begin), None)
        every = kept if before is None else [before, *kept]
        grown = [(new.time, new.values[name] - old.values[name]) for old, new in itertools.pairwise(every)]
        return Series([time for time, _ in grown], [value for _, value in grown])

    @property
    def names(self) -> list[str]:
        return sorted(self._samples[-1].values)

    def in_memory(self) -> dict[str, int]:
        return {"samples for charts": len(self._samples)}
