"""Bounds how many asynchronous invocations of a function run at once, by how soon the function answers.

A function that answers in a millisecond gains nothing from a hundred environments: they share the same processors, and
each of them has its own memory, its own connection and its own log stream, so that an invocation costs more in the
environment, on the event loop and in the store. A function that waits for something else gains from each of them.

Theory of operation. Of a function that takes `pace` ms the node can use some `pace * _MOST_A_MS` environments: they
answer more invocations than a node has ever handed out. `_LEAST` of them are always useful. `pace` is the shortest of
the last `_WINDOW` durations, since a duration also has the time in which the environment waits for a processor: where
`pace` were a mean, more environments would make it longer, and it would allow more environments. A function is taken
for quick until it is known: a burst of events to a new one starts a few environments, and not a hundred.

What is over the bound waits in line, and goes on in order as others end. Invariants:

1. `_running` is the number of those that were let in and have not left. Whoever is let in while it waits is counted by
   who lets it in, so that nobody who comes in between takes its turn.
2. Nobody waits while `_running` is under the bound: `leave` lets in as many as there is room for.
3. A function that was quick and is not any more does not hold up those in line: where fewer than two invocations for
   each that runs have ended in `_LOOK_SECONDS`, all in line go on, and the pace is measured anew. So nobody in a line
   that does not move waits longer than two looks.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import deque

_MOST_A_MS = 4  # invocations, of one function
_LEAST = os.cpu_count() or 1
_WINDOW = 32  # durations
_LOOK_SECONDS = 0.1


class FunctionLine:
    """The invocations of one function: `enter`, and `leave` once for each that entered."""

    def __init__(self) -> None:
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pace = 0.0  # ms
        self._shortest, self._measured = 0.0, 0  # of the window that is being filled
        self._ended = 0  # since the last look
        self._look: asyncio.TimerHandle | None = None

    async def enter(self) -> None:
        """Return when it is useful to run one more."""
        if not self._waiting and self._has_room():
            self._running += 1
            return
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if self._look is None:
            self._ended = 0
            self._look = loop.call_later(_LOOK_SECONDS, self._look_at_line)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was let in, and cancelled before it went on
                self.leave(None)
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def leave(self, duration_ms: float | None) -> None:
        """The invocation has its result after `duration_ms`, None where it did not run."""
        self._running -= 1
        self._ended += 1
        if duration_ms is not None:
            self._measure(duration_ms)
        while self._waiting and self._has_room():
            self._let_in()

    def _has_room(self) -> bool:
        return self._running < max(_LEAST, self._pace * _MOST_A_MS)

    def _let_in(self) -> None:
        turn = self._waiting.popleft()
        if turn.cancelled():  # it left the line before its task heard of that
            return
        self._running += 1
        turn.set_result(None)

    def _measure(self, duration_ms: float) -> None:
        if not self._measured or duration_ms < self._shortest:
            self._shortest = duration_ms
        self._measured += 1
        if self._measured == _WINDOW:
            self._pace, self._measured = self._shortest, 0

    def _look_at_line(self) -> None:
        """The line has moved, or all in it go on."""
        if self._ended < 2 * self._running:
            self._pace, self._measured = math.inf, 0
            while self._waiting:
                self._let_in()
        self._ended, self._look = 0, None
        if self._waiting:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look_at_line)
