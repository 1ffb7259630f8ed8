"""Waits until a node rests: until nothing is left of what it was asked to do, but for what is due later.

A node rests when

1. no callback of its loop is ready, so that every task waits (`resting_loop`);
2. no thread works for a task, and no commit waits for the disk;
3. no item of the node's own queues is worked on. Events that wait for a target, asynchronous invocations, retries,
   schedules, replays and operations on stacks are such items. One that is due is worked on at once, since whoever works
   through its queue waits for it (1); one that is put off, or due later, is not;
4. no function runs, for whomever: also for an event source, which takes its messages from a queue of the user's (a
   poller that waits has seen that there are none, by 1), and no extension is still at work;
5. the audit trail has written what it noted, since events come of it.

The loop asks whenever it has nothing to do, so no end of work is missed, and nothing is asked by the clock. What would
break this: work that waits for another process without being an item or an invocation; or that pauses by a timer.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from nightbus.node.virtual_time.resting_loop import RestingLoop

_RESTS, _LATE = "rests", "late"
_AGAIN_SECONDS = 0.001
_MOST_SECONDS = 2.0  # that a loop without a pause is waited for, even where there is no time to wait


class Busy(Protocol):
    """The parts of the node that can be at work while its loop waits."""

    def under_way(self) -> dict[str, int]:
        """What they are at work on, by name; empty when they rest."""
        ...

    def hurry(self) -> bool:
        """Do what waits only for a pause. Returns whether there is something."""
        ...


class Resting:
    def __init__(self, loop: RestingLoop, busy: Busy) -> None:
        self._loop = loop
        self._busy = busy
        self._waiting: set[asyncio.Future[str]] = set()  # the result says why it ended
        self._timers: dict[asyncio.Future[str], asyncio.TimerHandle] = {}
        self._seen_busy = 0  # how often the loop had nothing to do, and the node did not rest

    async def wait(self, seconds: float) -> dict[str, int]:
        """Return when the node rests, or after `seconds`: what is left then, by name; empty for nothing.

        With 0 it returns whether the node rests now.
        """
        rests: asyncio.Future[str] = self._loop.create_future()
        self._waiting.add(rests)
        self._loop.notify(self._on_rest)
        ends = self._loop.time() + max(seconds, _MOST_SECONDS)
        self._timers[rests] = self._loop.call_later(seconds, self._give_up, rests, self._seen_busy, ends)
        try:
            await rests
        finally:
            self._timers.pop(rests).cancel()
            self._waiting.discard(rests)
            if not self._waiting:
                self._loop.notify(None)
        return {} if rests.result() == _RESTS else self._left()

    def _give_up(self, rests: asyncio.Future[str], seen: int, ends: float) -> None:
        """At `ends` in any case, else once the node was seen busy: a timer may come before the loop has a pause."""
        if rests.done():
            return
        if self._seen_busy == seen and self._loop.time() < ends:
            self._timers[rests] = self._loop.call_later(_AGAIN_SECONDS, self._give_up, rests, seen, ends)
        else:
            rests.set_result(_LATE)

    def _left(self) -> dict[str, int]:
        threads = {"threads": self._loop.in_threads} if self._loop.in_threads else {}
        return self._busy.under_way() | threads or {"callbacks": 1}

    def _on_rest(self) -> bool:
        """Called by the loop when it has nothing to do. Returns whether it has now."""
        if self._loop.in_threads or self._busy.under_way():
            self._seen_busy += 1
            return False
        if self._busy.hurry():
            return True
        woken = False
        for rests in self._waiting:
            if not rests.done():
                rests.set_result(_RESTS)
                woken = True
        return woken
