"""Watches the time and the memory of one environment, ten times a second while it works, and freezes it when it rests.

While each invocation is over before its first look is due, it looks at the memory every two seconds, unless the runtime
itself says that it used too much. An environment is frozen when two looks, a tenth of a second apart, found it idle
(`freezing`): the invocations themselves set no timer and send no signal for that. A frozen one changes no more. It is
looked at twice, since a look at the machine's processes may have been taken before its last children began, and then
every half minute. One that has a process that runs is frozen again, and watched as before: of processes that do nothing
but send SIGCONT to each other, one may run when the signals to stop them have all been sent, and the kernel sends
SIGCONT for a timer or a socket where it was asked to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nightbus.functions.memory import FRESH_SECONDS, PeakMemory, Processes
from nightbus.functions.process import EnvironmentProcess

_SAMPLE_SECONDS = 0.1
_SHORT_SECONDS = 0.09  # a timer may be a little early
_IDLE_SAMPLE_SECONDS = 2.0
_LOOKS_WHEN_FROZEN = 2
_FROZEN_SAMPLE_SECONDS = 30.0
_MEGABYTE = 1024 * 1024


class LimitWatch:
    """`memory` is the limit in MB. `over_memory` is called at each look that finds more. `is_at_rest` says whether
    nothing is to be done in the environment, and is asked only between `start_idle` and `start`."""

    def __init__(
        self,
        process: EnvironmentProcess,
        processes: Processes,
        peak: PeakMemory,
        memory: int,
        over_memory: Callable[[], None],
        is_at_rest: Callable[[], bool],
    ) -> None:
        self._process = process
        self._processes = processes
        self._peak = peak
        self._limit = memory * _MEGABYTE
        self._most = memory
        self._over_memory = over_memory
        self._is_at_rest = is_at_rest
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._began = self._ends = self._looked = 0.0
        self._works = False
        self._idle_after = -1.0  # the beginning of the work before the last idle look
        self._pause = _SAMPLE_SECONDS  # between idle looks
        self._looks_left = 0

    def start(self, seconds: float, over_time: Callable[[], None]) -> None:
        """Until `start_idle`, `stop`, or until the time is over, which is in so many seconds. It thaws the environment.

        A timer that is due soon anyway is left as it is: of many short invocations few set one.
        """
        self._began = now = self._loop.time()
        self._over_time = over_time
        self._ends = now + seconds
        self._works = True
        if self._process.is_frozen:
            self._process.thaw()
        soon = seconds if seconds < _SAMPLE_SECONDS else _SAMPLE_SECONDS
        if self._timer is None or self._due > now + soon:
            self._set(soon)

    def start_idle(self) -> None:
        """Look at the memory only, and freeze the environment, until `start` or `stop`."""
        self._works = False
        if self._timer is None:
            self._set(_SAMPLE_SECONDS)

    def stop(self) -> None:
        self._works = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._loop.time() + seconds
        self._timer = self._loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._works:
            return self._look_idle()
        now = self._loop.time()
        rest = self._ends - now
        if rest <= 0:
            return self._over_time()
        if self._process.gone.done():
            return None
        age, is_fresh = now - self._began, now - self._looked < _IDLE_SAMPLE_SECONDS
        if age < _SHORT_SECONDS and is_fresh and self._peak.megabytes <= self._most:
            self._set(min(_SAMPLE_SECONDS - age, rest))
        else:
            self._set(min(_SAMPLE_SECONDS, rest))
            self._look_at_memory()

    def _look_idle(self) -> None:
        if self._process.gone.done():
            return
        if self._idle_after != self._began:
            self._idle_after, self._pause, self._looks_left = self._began, _SAMPLE_SECONDS, _LOOKS_WHEN_FROZEN
        elif self._process.is_frozen and self._processes.are_stopped(self._process.pid):
            self._looks_left -= 1
            if self._looks_left <= 0:
                self._pause = _FROZEN_SAMPLE_SECONDS
        elif self._process.is_frozen:
            self._process.freeze()
            self._pause, self._looks_left = _IDLE_SAMPLE_SECONDS, _LOOKS_WHEN_FROZEN
        elif self._is_at_rest() and self._process.freeze():
            self._pause = _IDLE_SAMPLE_SECONDS
        else:
            self._pause = min(2 * self._pause, _IDLE_SAMPLE_SECONDS)
        self._set(self._pause)
        if self._process.is_frozen or self._loop.time() - self._looked >= _IDLE_SAMPLE_SECONDS:
            self._look_at_memory(max(self._pause, _IDLE_SAMPLE_SECONDS))

    def _look_at_memory(self, fresh_seconds: float = FRESH_SECONDS) -> None:
        process, self._looked = self._process, self._loop.time()
        used = self._processes.used_bytes(process.pid, self._limit, process.init, fresh_seconds)
        self._peak.was_at_least(used // _MEGABYTE)
        if used > self._limit:
            self._over_memory()
